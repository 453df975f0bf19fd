/* SPDX-License-Identifier: MIT */
/* The beginnings of files that people hand in by mistake, and what messages call them. */
#ifndef FILE_SAMPLES_H
#define FILE_SAMPLES_H

#include <stddef.h>

struct file_sample {
    const char *words;
    size_t size;
    const char *bytes;
};

#define SAMPLE(words, bytes)                                                                                           \
    {                                                                                                                  \
        words, sizeof bytes - 1, bytes                                                                                 \
    }
#define ZIP(length, name) "PK\3\4\24\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0" length "\0\0\0" name "...."

static const struct file_sample file_samples[] = {
    SAMPLE("torch.save (a zip", ZIP("\x10", "archive/data.pkl")),
    SAMPLE("torch.save (a zip", ZIP("\x0e", "model/data.pkl")),
    SAMPLE("torch.save (a zip", ZIP("\x0d", "script/data/0")),
    SAMPLE("torch.export (a zip", ZIP("\x17", "e/data/weights/weight_0")),
    SAMPLE("torch.export (a zip", ZIP("\x10", "e/archive_format")),
    SAMPLE(".npz file of NumPy", ZIP("\x0b", "x_train.npy")),
    SAMPLE(".keras file", ZIP("\x0d", "metadata.json")),
    SAMPLE("a zip archive", ZIP("\x0a", "readme.txt")),
    SAMPLE("a zip archive", "PK\3\4\24\0\0\0\0\0"),
    SAMPLE("a zip archive", "PK\5\6\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"),
    SAMPLE("an old file of torch.save", "\x80\x02\x8a\x0al\xfc\x9c\x46\xf9 j\xa8P\x19.\x80\x02M\xe9\x03."),
    SAMPLE("a pickle", "\x80\x02}q\0(X\6\0\0\0weight"),
    SAMPLE("a pickle", "\x80\x04\x95\x10\0\0\0\0\0\0\0}\x94."),
    SAMPLE("a pickle", "\x80\x05\x95\x1a\0\0\0\0\0\0\0}\x94."),
    SAMPLE("an ONNX model", "\x08\x08\x12\x07pytorch\x1a\x05"
                            "2.1.0"),
    SAMPLE("an ONNX model", "\x08\x0a\x12\x07normnet\x1a\x05"
                            "0.1.0"),
    SAMPLE("SavedModel of TensorFlow", "\x08\x01\x12\xf7\xcf\x03\x0a\x05serve"),
    SAMPLE("an HDF5 file", "\x89HDF\r\n\x1a\n\0\0\0\0\0\x08\x08\0"),
    SAMPLE("TensorFlow Lite", "\x1c\0\0\0TFL3\x14\0\x20\0"),
    SAMPLE("a GGUF file", "GGUF\3\0\0\0\x91\0\0\0"),
    SAMPLE("Darknet", "\0\0\0\0\2\0\0\0\5\0\0\0\0\x90\x01\0"),
    SAMPLE("an .npy file", "\x93NUMPY\1\0v\0{'descr': '<f4'"),
    SAMPLE("MATLAB", "MATLAB 5.0 MAT-file, Platform: GLNXA64"),
    SAMPLE("Parquet", "PAR1\x15\4\x15\x10"),
    SAMPLE("Arrow", "ARROW1\0\0\xff\xff\xff\xff"),
    SAMPLE("SQLite", "SQLite format 3\0\x10\0\1\1"),
    SAMPLE("Git LFS", "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935"),
    SAMPLE("a web page", "<!DOCTYPE html>\n<html lang=\"en\">"),
    SAMPLE("a web page", "<html><head><title>404 Not Found</title>"),
    SAMPLE("a web page", "\xef\xbb\xbf\r\n  <!doctype HTML>"),
    SAMPLE("a web page", "\xef\xbb\xbf<!DOCTYPE html>"),
    SAMPLE("an XML document", "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>AccessDenied"),
    SAMPLE("PDF", "%PDF-1.7\n%\xe2\xe3"),
    SAMPLE("JSON text", "{\"error\": \"not found\"}"),
    SAMPLE("JSON text", "[1, 2, 3, 4, 5]"),
    SAMPLE("a script", "#!/usr/bin/env python3\n"),
    SAMPLE("ELF", "\x7f"
                  "ELF\2\1\1\0\0\0\0\0\0\0\0\0"),
    SAMPLE("gzip", "\x1f\x8b\x08\x08\x6b\x1e\x85\x32\2\3train"),
    SAMPLE("gzip", "\x1f\x8b\x08\0\0\0\0\0\2\3\xcb\x48\xcd\xc9"),
    SAMPLE("bzip2", "BZh91AY&SY\x12\x34"),
    SAMPLE("xz", "\xfd"
                 "7zXZ\0\0\4\xe6\xd6\xb4\x46"),
    SAMPLE("zstd", "\x28\xb5\x2f\xfd\x24\x0b\x59\0\0"),
    SAMPLE("lz4", "\x04\x22\x4d\x18\x64\x40\xa7\x0b"),
    SAMPLE("a 7z archive", "7z\xbc\xaf\x27\x1c\0\4\x55\x66"),
    SAMPLE("RAR", "Rar!\x1a\x07\1\0\x33\x92"),
    SAMPLE("a PNG image", "\x89PNG\r\n\x1a\n\0\0\0\rIHDR"),
    SAMPLE("a JPEG image", "\xff\xd8\xff\xe0\0\x10JFIF\0"),
    SAMPLE("a GIF image", "GIF89a\x1c\0\x1c\0"),
    SAMPLE("a TIFF image", "II*\0\x08\0\0\0\x12\0"),
    SAMPLE("a TIFF image", "MM\0*\0\0\0\x08\0\x12"),
    SAMPLE("WebP", "RIFF\x24\0\0\0WEBPVP8 "),
    SAMPLE("HEIC", "\0\0\0\x18"
                   "ftypheic\0\0\0\0"),
    SAMPLE("icon", "\0\0\1\0\1\0\x10\x10\0\0"),
    SAMPLE("BMP", "BM\x46\x0a\0\0\0\0\0\0\x36\0\0\0"),
};

/* These are of use in one place or the other. */
static const char sample_idx[] = "\0\0\x08\3\0\0\0\1\0\0\0\2\0\0\0\2....";
static const char sample_pgm[] = "P5\n2 2\n255\n....";
static const char sample_safetensors[] =
    "\x40\0\0\0\0\0\0\0{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}";

#endif
