/* SPDX-License-Identifier: MIT */
#include "support/file_kind.h"

#include "support/report.h"
#include "support/utf8_text.h"

#include <string.h>

enum { FIRST_BYTES = 16 };

static const char unpack[] = "unpack it first", convert[] = "convert it to PNG, PGM or PPM";
static const char download[] = "a download has failed", model[] = "it is for --model";

/* The first match counts. */
static const struct kind {
    size_t at, length;
    const char *bytes, *name, *advice; /* the advice may be NULL */
} kinds[] = {
    {0, 9, "<!DOCTYPE", "a web page (HTML)", download},
    {0, 9, "<!doctype", "a web page (HTML)", download},
    {0, 5, "<html", "a web page (HTML)", download},
    {0, 5, "<HTML", "a web page (HTML)", download},
    {0, 5, "<?xml", "an XML document", download},
    {0, 24, "version https://git-lfs.", "a pointer of Git LFS", "fetch the file itself with git lfs pull"},
    {0, 16, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", "nothing but zero bytes at its beginning",
     "a download or copy is incomplete"},

    {0, 4, "PK\3\4", "a zip archive, as torch.save, Keras and NumPy write, too", unpack},
    {0, 4, "PK\5\6", "an empty zip archive", NULL},
    {0, 3, "\x1f\x8b\x08", "compressed by gzip", unpack},
    {0, 3, "BZh", "compressed by bzip2", unpack},
    {0, 6,
     "\xfd"
     "7zXZ\0",
     "compressed by xz", unpack},
    {0, 4, "\x28\xb5\x2f\xfd", "compressed by zstd", unpack},
    {0, 4, "\x04\x22\x4d\x18", "compressed by lz4", unpack},
    {0, 6, "7z\xbc\xaf\x27\x1c", "a 7z archive", unpack},
    {0, 6, "Rar!\x1a\x07", "a RAR archive", unpack},
    {257, 5, "ustar", "a tar archive", unpack},

    {0, 4, "\x89PNG", "a PNG image", convert},
    {0, 3, "\xff\xd8\xff", "a JPEG image", convert},
    {0, 4, "GIF8", "a GIF image", convert},
    {0, 4, "II*\0", "a TIFF image", convert},
    {0, 4, "MM\0*", "a TIFF image", convert},
    {8, 4, "WEBP", "a WebP image", convert},
    {4, 4, "ftyp", "an image or video of the MP4 family (HEIC, AVIF, MP4)", convert},
    {0, 4, "\0\0\1\0", "an icon (ICO)", convert},
    {4, 4, "jP  ", "a JPEG 2000 image", convert},
    {4, 4, "JXL ", "a JPEG XL image", convert},
    {0, 2, "\xff\x0a", "a JPEG XL image", convert},
    {0, 4, "II+\0", "a TIFF image", convert},
    {0, 4, "<svg", "an SVG drawing", convert},
    {0, 4, "8BPS", "a Photoshop image", convert},
    {0, 8, "gimp xcf", "a GIMP image", convert},
    {0, 10, "#?RADIANCE", "a Radiance HDR image", convert},
    {0, 4, "\x76\x2f\x31\x01", "an OpenEXR image", convert},
    {0, 4, "qoif", "a QOI image", convert},
    {0, 3, "P7\n", "a PAM image", convert},
    {0, 3, "Pf\n", "a PFM image", convert},
    {0, 3, "PF\n", "a PFM image", convert},
    {0, 6, "SIMPLE", "a FITS image", convert},
    {128, 4, "DICM", "a DICOM image", convert},
    {0, 2, "BM", "a BMP image", convert},
    {0, 4, "%PDF", "a PDF document", NULL},
    {0, 3, "P5\n", "a PGM image", NULL},
    {0, 3, "P6\n", "a PPM image", NULL},

    {3, 6, "\0\0\0\0\0{", "a model (safetensors)", model},
    {0, 8, "\x89HDF\r\n\x1a\n", "an HDF5 file, such as Keras writes", NULL},
    {0, 8, "\0\0\0\0\2\0\0\0", "a file of Darknet's weights", NULL},
    {4, 4, "TFL3", "a model of TensorFlow Lite", NULL},
    {0, 4, "GGUF", "a GGUF file", NULL},
    {0, 3, "\x08\x01\x12", "a SavedModel of TensorFlow", NULL},
    {2, 9, "\x12\x07pytorch", "an ONNX model", NULL},
    {2, 9, "\x12\x07normnet", "an ONNX model", NULL},
    {0, 5, "\x80\x02\x8a\x0al", "an old file of torch.save", NULL},
    {0, 2, "\x80\x02", "a pickle of Python", NULL},
    {0, 2, "\x80\x03", "a pickle of Python", NULL},
    {0, 2, "\x80\x04", "a pickle of Python", NULL},
    {0, 2, "\x80\x05", "a pickle of Python", NULL},
    {0, 6, "\x93NUMPY", "an .npy file of NumPy", NULL},
    {0, 6, "MATLAB", "a file of MATLAB", NULL},
    {0, 4, "PAR1", "a Parquet file", NULL},
    {0, 6, "ARROW1", "an Arrow file", NULL},
    {0, 15, "SQLite format 3", "an SQLite database", NULL},
    {0, 4,
     "\x7f"
     "ELF",
     "a program or library (ELF)", NULL},
    {0, 2, "MZ", "a program or library (Windows)", NULL},
    {0, 2, "#!", "a script", NULL},
    {0, 2, "\xff\xfe", "text in UTF-16", "save it in UTF-8"},
    {0, 2, "\xfe\xff", "text in UTF-16", "save it in UTF-8"},
    {0, 1, "{", "JSON text", NULL},
    {0, 1, "[", "JSON text", NULL},
    {0, 3, "\0\0\x08", "an IDX file", NULL},
};

/* A byte-order mark and white space may stand before a web page. */
static size_t skip_blank(const uint8_t *bytes, size_t size)
{
    size_t at = utf8_mark(bytes, size);

    while (at < size && bytes[at] != 0 && strchr(" \t\r\n", bytes[at]))
        ++at;
    return at;
}

static const struct kind *find_kind(const uint8_t *bytes, size_t size)
{
    const size_t blank = skip_blank(bytes, size);

    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; ++i) {
        const struct kind *kind = &kinds[i];
        const size_t at = kind->at + (kind->bytes[0] == '<' ? blank : 0);

        if (size >= at + kind->length && memcmp(bytes + at, kind->bytes, kind->length) == 0)
            return kind;
    }
    return NULL;
}

const char *file_kind_name(const uint8_t *bytes, size_t size)
{
    const struct kind *kind = find_kind(bytes, size);

    return kind ? kind->name : NULL;
}

static int reject_unknown(const char *path, const uint8_t *bytes, size_t size, const char *expected)
{
    char text[FIRST_BYTES + 1] = "";
    const size_t count = size < FIRST_BYTES ? size : FIRST_BYTES;

    memcpy(text, bytes, count);
    for (size_t i = 0; i < count; ++i) { /* for a terminal */
        if (bytes[i] < ' ' || bytes[i] > '~')
            text[i] = '?';
    }
    return report_error("%s is not %s: it begins with '%s' (%02x %02x %02x %02x)", path, expected, text, bytes[0],
                        size > 1 ? bytes[1] : 0, size > 2 ? bytes[2] : 0, size > 3 ? bytes[3] : 0);
}

int file_kind_reject(const char *path, const uint8_t *bytes, size_t size, const char *expected)
{
    const struct kind *kind = find_kind(bytes, size);

    if (size == 0)
        return report_error("%s is empty; expected %s", path, expected);
    if (!kind)
        return reject_unknown(path, bytes, size, expected);
    return report_error("%s is %s; expected %s%s%s", path, kind->name, expected, kind->advice ? ": " : "",
                        kind->advice ? kind->advice : "");
}
