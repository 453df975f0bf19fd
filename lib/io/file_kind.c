/* SPDX-License-Identifier: MIT */
#include "io/file_kind.h"

#include <stdbool.h>
#include <string.h>

#define SAVE_FILE "write the state_dict with safetensors.torch.save_file"
#define UNPACK "unpack it first"
#define DATA "images and labels are no model"

static const struct file_kind torch_zip = {"a file of torch.save (a zip archive)", SAVE_FILE};
static const struct file_kind export_zip = {"a file of torch.export (a zip archive)", SAVE_FILE};
static const struct file_kind numpy_zip = {"an .npz file of NumPy (a zip archive)", DATA};
static const struct file_kind keras_zip = {"a .keras file (a zip archive)", "export its weights as safetensors"};
static const struct file_kind zip = {"a zip archive", UNPACK};
static const struct file_kind web_page = {"a web page (HTML)", "a download has failed"};
static const struct file_kind zeros = {"nothing but zero bytes at its beginning", "a download or copy is incomplete"};

/* The first match counts: longer beginnings stand before shorter ones. */
static const struct signature {
    int at, length;
    const char *bytes;
    struct file_kind kind;
} signatures[] = {
    {0, 13, "\x80\x02\x8a\x0al\xfc\x9c\x46\xf9 j\xa8P", {"an old file of torch.save", SAVE_FILE}},
    {0, 2, "\x80\x02", {"a pickle of Python", SAVE_FILE}},
    {0, 2, "\x80\x03", {"a pickle of Python", SAVE_FILE}},
    {0, 2, "\x80\x04", {"a pickle of Python", SAVE_FILE}},
    {0, 2, "\x80\x05", {"a pickle of Python", SAVE_FILE}},
    {0, 3, "\x08\x01\x12", {"a SavedModel of TensorFlow", "export its weights as safetensors"}},
    {0, 8, "\x89HDF\r\n\x1a\n", {"an HDF5 file, such as Keras writes", "export its weights as safetensors"}},
    {4, 4, "TFL3", {"a model of TensorFlow Lite", NULL}},
    {0, 4, "GGUF", {"a GGUF file", NULL}},
    {0, 8, "\0\0\0\0\2\0\0\0", {"a file of Darknet's weights", NULL}},
    {0, 6, "\x93NUMPY", {"an .npy file of NumPy", DATA}},
    {0, 6, "MATLAB", {"a file of MATLAB", NULL}},
    {0, 4, "PAR1", {"a Parquet file", DATA}},
    {0, 6, "ARROW1", {"an Arrow file", DATA}},
    {0, 15, "SQLite format 3", {"an SQLite database", NULL}},

    {0, 24, "version https://git-lfs.", {"a pointer of Git LFS", "fetch the file itself with git lfs pull"}},
    {0, 5, "<?xml", {"an XML document", "a download has failed"}},
    {0, 4, "%PDF", {"a PDF document", NULL}},
    {0, 1, "{", {"JSON text", NULL}},
    {0, 1, "[", {"JSON text", NULL}},
    {0, 2, "#!", {"a script", NULL}},
    {0,
     4,
     "\x7f"
     "ELF",
     {"a program or library (ELF)", NULL}},

    {0, 3, "\x1f\x8b\x08", {"compressed by gzip", UNPACK}},
    {0, 3, "BZh", {"compressed by bzip2", UNPACK}},
    {0,
     6,
     "\xfd"
     "7zXZ\0",
     {"compressed by xz", UNPACK}},
    {0, 4, "\x28\xb5\x2f\xfd", {"compressed by zstd", UNPACK}},
    {0, 4, "\x04\x22\x4d\x18", {"compressed by lz4", UNPACK}},
    {0, 6, "7z\xbc\xaf\x27\x1c", {"a 7z archive", UNPACK}},
    {0, 6, "Rar!\x1a\x07", {"a RAR archive", UNPACK}},
    {257, 5, "ustar", {"a tar archive", UNPACK}},

    {0, 4, "\x89PNG", {"a PNG image", DATA}},
    {0, 3, "\xff\xd8\xff", {"a JPEG image", DATA}},
    {0, 4, "GIF8", {"a GIF image", DATA}},
    {0, 4, "II*\0", {"a TIFF image", DATA}},
    {0, 4, "MM\0*", {"a TIFF image", DATA}},
    {8, 4, "WEBP", {"a WebP image", DATA}},
    {4, 4, "ftyp", {"an image or video of the MP4 family (HEIC, AVIF, MP4)", DATA}},
    {0, 4, "\0\0\1\0", {"an icon (ICO)", DATA}},
};

static bool has_bytes(const unsigned char *bytes, int64_t size, int64_t at, const char *expected, size_t length)
{
    return size >= at + (int64_t)length && memcmp(bytes + at, expected, length) == 0;
}

static bool is_one_of(unsigned char byte, const char *set)
{
    return byte != '\0' && strchr(set, byte) != NULL;
}

static bool name_ends_with(const unsigned char *name, int64_t length, const char *end)
{
    const int64_t count = (int64_t)strlen(end);

    return length >= count && memcmp(name + length - count, end, (size_t)count) == 0;
}

/* By the name of the first file in the archive, which begins at byte 30; its length is at byte 26. */
static const struct file_kind *find_zip_kind(const unsigned char *bytes, int64_t size)
{
    const unsigned char *name;
    int64_t length;

    if (!has_bytes(bytes, size, 0, "PK\3\4", 4))
        return has_bytes(bytes, size, 0, "PK\5\6", 4) ? &zip : NULL;
    if (size < 30)
        return &zip;
    name = bytes + 30;
    length = bytes[26] | bytes[27] << 8;
    if (length > size - 30)
        return &zip;
    if (name_ends_with(name, length, "data.pkl") ||
        name_ends_with(name, length, "/data/0")) /* the latter: torch.jit.save */
        return &torch_zip;
    if (name_ends_with(name, length, "/weight_0") || name_ends_with(name, length, "/archive_format"))
        return &export_zip;
    if (name_ends_with(name, length, ".npy"))
        return &numpy_zip;
    return name_ends_with(name, length, "metadata.json") ? &keras_zip : &zip;
}

/* White space and perhaps a byte-order mark before <html or <!doctype html, in any case. */
static bool is_web_page(const unsigned char *bytes, int64_t size)
{
    static const char *const tags[] = {"<html", "<!doctype", "<head", "<!--"};
    int64_t at = has_bytes(bytes, size, 0, "\xef\xbb\xbf", 3) ? 3 : 0;

    while (at < size && is_one_of(bytes[at], " \t\r\n"))
        ++at;
    for (size_t i = 0; i < sizeof tags / sizeof tags[0]; ++i) {
        const int64_t length = (int64_t)strlen(tags[i]);
        int64_t same = 0;

        while (same < length && at + same < size &&
               (bytes[at + same] >= 'A' && bytes[at + same] <= 'Z' ? bytes[at + same] + 32 : bytes[at + same]) ==
                   tags[i][same])
            ++same;
        if (same == length)
            return true;
    }
    return false;
}

/* As the length at the beginning of safetensors has: too much of a coincidence for a kind with one byte or two. */
static bool has_zeros(const unsigned char *bytes, int64_t size)
{
    return has_bytes(bytes, size, 3, "\0\0\0\0\0", 5);
}

static bool is_zero(const unsigned char *bytes, int64_t size)
{
    enum { ENOUGH = 16 };

    if (size < ENOUGH)
        return false;
    for (int i = 0; i < ENOUGH; ++i)
        if (bytes[i] != 0)
            return false;
    return true;
}

/* A protocol buffer whose first field is the version of ONNX, followed by the field of a string or of the graph. */
static bool is_onnx(const unsigned char *bytes, int64_t size)
{
    return size >= 3 && bytes[0] == 0x08 && bytes[1] >= 2 && bytes[1] < 32 &&
           is_one_of(bytes[2], "\x12\x1a\x22\x32\x3a\x42");
}

/* Two zero bytes, one of the types, and the number of dimensions. */
static bool is_idx(const unsigned char *bytes, int64_t size)
{
    return size >= 4 && bytes[0] == 0 && bytes[1] == 0 && is_one_of(bytes[2], "\x08\x09\x0b\x0c\x0d\x0e") &&
           bytes[3] >= 1 && bytes[3] <= 4;
}

/* P1 to P7 and white space; BM and the four reserved zero bytes of a bitmap. */
static bool is_simple_image(const unsigned char *bytes, int64_t size)
{
    if (size >= 3 && bytes[0] == 'P' && bytes[1] >= '1' && bytes[1] <= '7')
        return is_one_of(bytes[2], " \t\r\n#");
    return size >= 10 && bytes[0] == 'B' && bytes[1] == 'M' && memcmp(bytes + 6, "\0\0\0\0", 4) == 0;
}

const struct file_kind *normnet__find_file_kind(const unsigned char *bytes, int64_t size)
{
    static const struct file_kind onnx = {"an ONNX model", "networks are written as ONNX, and not read from it"};
    static const struct file_kind idx = {"an IDX file", DATA};
    static const struct file_kind image = {"an image (PNM or BMP)", DATA};
    const struct file_kind *kind = find_zip_kind(bytes, size);

    if (kind != NULL)
        return kind;
    if (is_zero(bytes, size))
        return &zeros;
    if (is_web_page(bytes, size))
        return &web_page;
    if (is_onnx(bytes, size))
        return &onnx;
    if (is_idx(bytes, size))
        return &idx;
    if (is_simple_image(bytes, size))
        return &image;
    for (size_t i = 0; i < sizeof signatures / sizeof signatures[0]; ++i)
        if ((signatures[i].length > 2 || !has_zeros(bytes, size)) &&
            has_bytes(bytes, size, signatures[i].at, signatures[i].bytes, (size_t)signatures[i].length))
            return &signatures[i].kind;
    return NULL;
}
