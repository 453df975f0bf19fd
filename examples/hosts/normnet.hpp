/* SPDX-License-Identifier: MIT */
/*
 * normnet.h for C++, from C++11 on: one header to copy beside it.
 *
 *     std::vector<std::uint8_t> pixels(100 * 28 * 28), digits(100);
 *     normnet::config config(NORMNET_NORM_GROUP);
 *     config.lr = 0.05;
 *     normnet::model model(config);
 *     normnet_metrics metrics = model.train_step({pixels, {100, 1, 28, 28}}, digits);
 *
 * - A model can be moved but not copied; clone() makes another one. Its destructor frees it.
 * - A call that fails throws normnet::error, with the status and the message, and changes nothing.
 * - Images, labels and results are views of the caller's memory: of a std::vector, std::array, std::span, or whatever
 *   has data() and size(). Nothing is copied. A normnet_tensor is taken as well, for memory with strides.
 * - No exception passes through C. What config.reduce throws is thrown again by the call that needed it, after this has
 *   failed. What config.parallel_for throws is dropped: the calling thread runs the tasks that are left.
 *
 * Functions are named and documented as in normnet.h; get() is the model for those that have no short form here.
 */
#ifndef NORMNET_HPP
#define NORMNET_HPP

#include <normnet.h>

#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <initializer_list>
#include <memory>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace normnet
{

/* ---- Failures -------------------------------------------------------------------------------- */

class error : public std::runtime_error
{
  public:
    error(std::int32_t status, const std::string &message) : std::runtime_error(message), status_(status)
    {
    }

    std::int32_t status() const noexcept /* a normnet_status, or one of a later version */
    {
        return status_;
    }

  private:
    std::int32_t status_;
};

/* One part of the work of a call. */
struct task {
    normnet_task *run;
    void *context;

    void operator()(std::int32_t index) const
    {
        run(context, index);
    }
};

namespace detail
{

/* What a function of the caller's has thrown while the library was calling it, in this thread. */
inline std::exception_ptr &thrown() noexcept
{
    static thread_local std::exception_ptr exception;

    return exception;
}

/* Throws the failure of a call. */
inline void check(normnet_status status)
{
    std::exception_ptr exception;

    std::swap(exception, thrown());
    if (status != NORMNET_OK && exception)
        std::rethrow_exception(exception);
    if (status != NORMNET_OK)
        throw error(status, normnet_error_message());
}

/* The functions of a configuration, which models and their clones share. */
struct functions {
    std::function<void(std::int32_t count, const task &run)> parallel_for;
    std::function<void(double *values, std::int64_t count)> reduce;
};

extern "C" {

inline void normnet_hpp_parallel_for(void *user, std::int32_t count, normnet_task *run, void *context) noexcept
{
    try {
        static_cast<const functions *>(user)->parallel_for(count, task{run, context});
    } catch (...) { /* the library runs the tasks that are left */
    }
}

inline std::int32_t normnet_hpp_reduce(void *user, double *values, std::int64_t count) noexcept
{
    try {
        static_cast<const functions *>(user)->reduce(values, count);
        return 0;
    } catch (...) {
        thrown() = std::current_exception();
        return 1;
    }
}

} /* extern "C" */

/* The type of a tensor's elements; other types than these do not compile. */
template <class Type> struct dtype;
template <> struct dtype<std::uint8_t> : std::integral_constant<std::int32_t, NORMNET_U8> {
};
template <> struct dtype<float> : std::integral_constant<std::int32_t, NORMNET_F32> {
};
template <> struct dtype<std::int32_t> : std::integral_constant<std::int32_t, NORMNET_I32> {
};
template <> struct dtype<std::int64_t> : std::integral_constant<std::int32_t, NORMNET_I64> {
};

template <class Container>
using element = typename std::remove_pointer<decltype(std::declval<Container &>().data())>::type;

/* The tensor of `size` values, whose shape has to have as many. */
inline normnet_tensor tensor_of(std::int32_t type, const void *data, std::size_t size,
                                std::initializer_list<std::int64_t> shape)
{
    std::uint64_t left = size;
    std::string text;
    normnet_tensor tensor;

    for (std::int64_t length : shape) {
        text += (text.empty() ? "" : " x ") + std::to_string(length);
        left = length > 0 && left % static_cast<std::uint64_t>(length) == 0 ? left / static_cast<std::uint64_t>(length)
                                                                            : 0;
    }
    if (left != 1 || shape.size() > 8)
        throw error(NORMNET_EINVAL,
                    "the container has " + std::to_string(size) + " values; expected those of the shape " + text);
    normnet_tensor_init(&tensor, type, data, static_cast<std::int32_t>(shape.size()), shape.begin());
    return tensor;
}

} /* namespace detail */

/* ---- Views ----------------------------------------------------------------------------------- */

/* What a call reads: images or labels. A container alone is a tensor of rank 1. */
class input
{
  public:
    input(const normnet_tensor &tensor) : tensor_(tensor)
    {
    }

    template <class Container>
    input(const Container &values, std::initializer_list<std::int64_t> shape)
        : tensor_(detail::tensor_of(detail::dtype<typename std::remove_const<detail::element<const Container>>::type>(),
                                    values.data(), values.size(), shape))
    {
    }

    template <class Container, class = detail::element<const Container>>
    input(const Container &values) : input(values, {static_cast<std::int64_t>(values.size())})
    {
    }

    const normnet_tensor *get() const noexcept
    {
        return &tensor_;
    }

  private:
    normnet_tensor tensor_;
};

/* What a call writes: scores, classes or the output of a layer; output() is what is not wanted. */
class output
{
  public:
    output() noexcept : tensor_(), wanted_(false)
    {
    }

    output(const normnet_tensor &tensor) : tensor_(tensor), wanted_(true)
    {
    }

    template <class Container>
    output(Container &values, std::initializer_list<std::int64_t> shape)
        : tensor_(detail::tensor_of(detail::dtype<detail::element<Container>>(), values.data(), values.size(), shape)),
          wanted_(true)
    {
    }

    template <class Container, class = detail::element<Container>>
    output(Container &values) : output(values, {static_cast<std::int64_t>(values.size())})
    {
    }

    normnet_tensor *get() noexcept
    {
        return wanted_ ? &tensor_ : nullptr;
    }

  private:
    normnet_tensor tensor_;
    bool wanted_;
};

/* ---- Configuration --------------------------------------------------------------------------- */

/* The fields of normnet_config, with C++ functions in the place of two of them; an empty one is NULL. */
struct config : normnet_config {
    explicit config(std::int32_t norm_of_config = NORMNET_NORM_NONE) : normnet_config()
    {
        detail::check(normnet_config_init(this, norm_of_config));
    }

    std::function<void(std::int32_t count, const task &run)> parallel_for;
    std::function<void(double *values, std::int64_t count)> reduce;
};

/* ---- Models ---------------------------------------------------------------------------------- */

class model
{
  public:
    explicit model(const config &settings = config())
    {
        create(&settings,
               [](normnet_model **made, const normnet_config *host) { return normnet_model_create(made, host); });
    }

    static model load(const std::string &path, const config &host = config())
    {
        return model(&host, [&path](normnet_model **made, const normnet_config *fields) {
            return normnet_model_load(made, path.c_str(), fields);
        });
    }

    static model deserialize(const std::vector<std::uint8_t> &bytes, const config &host = config())
    {
        return model(&host, [&bytes](normnet_model **made, const normnet_config *fields) {
            return normnet_model_deserialize(made, bytes.data(), static_cast<std::int64_t>(bytes.size()), fields);
        });
    }

    /* Without a host, that of the original. */
    model clone(const config *host = nullptr) const
    {
        return copy(host, normnet_model_clone);
    }

    model clone_average(const config *host = nullptr) const
    {
        return copy(host, normnet_model_clone_average);
    }

    normnet_model *get() const noexcept /* nullptr after the model was moved */
    {
        return model_.get();
    }

    /* ---- Training ---- */

    normnet_metrics train_step(const input &images, const input &labels)
    {
        normnet_metrics metrics = no_metrics();

        detail::check(normnet_train_step(get(), images.get(), labels.get(), &metrics));
        return metrics;
    }

    normnet_metrics compute_gradients(const input &images, const input &labels, const normnet_batch *batch = nullptr)
    {
        normnet_metrics metrics = no_metrics();

        detail::check(normnet_compute_gradients(get(), images.get(), labels.get(), batch, &metrics));
        return metrics;
    }

    void apply_gradients(std::int64_t images_in_all)
    {
        detail::check(normnet_apply_gradients(get(), images_in_all));
    }

    void discard_gradients()
    {
        detail::check(normnet_discard_gradients(get()));
    }

    void set_learning_rate(double lr, double momentum)
    {
        detail::check(normnet_set_learning_rate(get(), lr, momentum));
    }

    void update_statistics(const input &images, bool reset)
    {
        detail::check(normnet_update_statistics(get(), images.get(), reset));
    }

    void update_average_statistics(const input &images, bool reset)
    {
        detail::check(normnet_update_average_statistics(get(), images.get(), reset));
    }

    /* ---- Prediction ---- */

    /* `confusion` has classes x classes counts. */
    normnet_metrics evaluate(const input &images, const input &labels, std::int64_t *confusion = nullptr,
                             const normnet_predict_options *options = nullptr) const
    {
        normnet_metrics metrics = no_metrics();

        detail::check(normnet_evaluate(get(), images.get(), labels.get(), &metrics, confusion, options));
        return metrics;
    }

    void predict(const input &images, output scores, output classes = output(),
                 const normnet_predict_options *options = nullptr) const
    {
        detail::check(normnet_predict(get(), images.get(), scores.get(), classes.get(), options));
    }

    void layer_output(const input &images, std::int32_t layer, output values,
                      const normnet_predict_options *options = nullptr) const
    {
        detail::check(normnet_layer_output(get(), images.get(), layer, values.get(), options));
    }

    /* ---- Files ---- */

    void save(const std::string &path, const normnet_save_options *options = nullptr) const
    {
        detail::check(normnet_model_save(get(), path.c_str(), options));
    }

    std::vector<std::uint8_t> serialize(const normnet_save_options *options = nullptr) const
    {
        std::int64_t size = 0;

        detail::check(normnet_model_serialize(get(), nullptr, 0, &size, options));
        std::vector<std::uint8_t> bytes(static_cast<std::size_t>(size));
        detail::check(normnet_model_serialize(get(), bytes.data(), size, &size, options));
        return bytes;
    }

    void load_weights(const std::string &path)
    {
        detail::check(normnet_load_weights(get(), path.c_str()));
    }

    void export_onnx(const std::string &path) const
    {
        detail::check(normnet_model_export_onnx(get(), path.c_str()));
    }

    /* ---- What there is to know ---- */

    std::int64_t steps_taken() const noexcept
    {
        return normnet_steps_taken(get());
    }

    std::int64_t parameter_count() const noexcept
    {
        return normnet_parameter_count(get());
    }

    std::string summary() const
    {
        std::string text(static_cast<std::size_t>(normnet_model_summary(get(), nullptr, 0)) + 1, '\0');

        text.resize(
            static_cast<std::size_t>(normnet_model_summary(get(), &text[0], static_cast<std::int64_t>(text.size()))));
        return text;
    }

  private:
    struct destroyer {
        void operator()(normnet_model *model) const noexcept
        {
            normnet_model_destroy(model);
        }
    };

    /* A model that `make` creates, with the functions of a host or with those of another model. */
    template <class Make>
    model(const config *host, Make make, std::shared_ptr<const detail::functions> functions = nullptr)
        : functions_(std::move(functions))
    {
        create(host, make);
    }

    template <class Make> void create(const config *host, Make make)
    {
        normnet_model *made = nullptr;
        normnet_config fields = normnet_config();

        if (host != nullptr)
            fields = fields_of(*host);
        detail::check(make(&made, host != nullptr ? &fields : nullptr));
        model_.reset(made);
    }

    normnet_config fields_of(const config &host)
    {
        normnet_config fields = host;

        functions_ = std::make_shared<const detail::functions>(detail::functions{host.parallel_for, host.reduce});
        if (host.parallel_for) {
            fields.parallel_for = detail::normnet_hpp_parallel_for;
            fields.parallel_user = functions();
        }
        if (host.reduce) {
            fields.reduce = detail::normnet_hpp_reduce;
            fields.reduce_user = functions();
        }
        return fields;
    }

    void *functions() const noexcept
    {
        return const_cast<detail::functions *>(functions_.get());
    }

    template <class Clone> model copy(const config *host, Clone clone_function) const
    {
        normnet_model *original = get();

        return model(
            host,
            [original, clone_function](normnet_model **made, const normnet_config *fields) {
                return clone_function(made, original, fields);
            },
            functions_);
    }

    static normnet_metrics no_metrics() noexcept
    {
        normnet_metrics metrics;

        normnet_metrics_init(&metrics);
        return metrics;
    }

    std::shared_ptr<const detail::functions> functions_; /* outlives the model, which calls them */
    std::unique_ptr<normnet_model, destroyer> model_;
};

} /* namespace normnet */

#endif
