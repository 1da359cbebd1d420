"""Hand-made safetensors files, good and hostile.

`python safetensors_cases.py FOLDER` writes them all: so tests/fuzz/corpus/safetensors was made.
cross_check.py asks both our reader and the safetensors package about each.
"""

import json
import pathlib
import struct
import sys


def framed(header, data=b""):
    if isinstance(header, str):
        header = header.encode("utf-8")
    return struct.pack("<Q", len(header)) + header + data


def one(data=b"data", **fields):
    """A file of one tensor "t", whose entry is U8[4] but for the given fields; None drops one."""
    entry = {"dtype": "U8", "shape": [4], "data_offsets": [0, 4]} | fields
    return framed(json.dumps({"t": {k: v for k, v in entry.items() if v is not None}}), data)


def pair(first, second, data):
    """Two tensors of two bytes each at the given offsets."""
    entry = {"dtype": "U8", "shape": [2]}
    return framed(json.dumps({"a": entry | {"data_offsets": first},
                              "b": entry | {"data_offsets": second}}), data)


def every_dtype():
    """Eight elements of each dtype of the format; bits."""
    bits = {"BOOL": 8, "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6, "U8": 8, "I8": 8, "F8_E5M2": 8,
            "F8_E4M3": 8, "F8_E8M0": 8, "F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8, "I16": 16, "U16": 16,
            "F16": 16, "BF16": 16, "I32": 32, "U32": 32, "F32": 32, "C64": 64, "F64": 64,
            "I64": 64, "U64": 64}
    header, end = {}, 0
    for name, size in bits.items():
        header[name] = {"dtype": name, "shape": [2, 4], "data_offsets": [end, end + size]}
        end += size
    return framed(json.dumps(header), bytes(at & 1 for at in range(end)))


EMPTY = '{"dtype":"U8","shape":[0],"data_offsets":[0,0]}'
HUGE = 2**63

# Both read them.
GOOD = {
    "no_tensors": framed("{}"),
    "padded": framed("{}      "),
    "only_metadata": framed('{"__metadata__":{"topk":"512","":"caf\\u00e9"}}'),
    "one": one(),
    "escaped_name": framed('{"\\ud83d\\ude00\\u0000\\n\\"":' + EMPTY + "}"),
    "utf8_name": framed('{"日本":' + EMPTY + "}"),
    "empty_name": framed('{"":' + EMPTY + "}"),
    "scalar": one(dtype="F32", shape=[]),
    "empty_dimension": one(b"", shape=[3, 0, 2], data_offsets=[0, 0]),
    "data_in_other_order": pair([2, 4], [0, 2], b"bbaa"),
    "misaligned": framed('{"b":{"dtype":"BOOL","shape":[1],"data_offsets":[0,1]},'
                         '"x":{"dtype":"F64","shape":[1],"data_offsets":[1,9]}}',
                         b"\x01" + struct.pack("<d", -0.5)),
    "empty_in_between": framed('{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},'
                               '"e":{"dtype":"F64","shape":[0],"data_offsets":[1,1]},'
                               '"b":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}', b"ab"),
    "every_dtype": every_dtype(),
    "packed": framed('{"f4":{"dtype":"F4","shape":[2,4],"data_offsets":[0,4]},'
                     '"f6":{"dtype":"F6_E2M3","shape":[4],"data_offsets":[4,7]}}', bytes(7)),
}

# Both refuse them.
REFUSED = {
    "no_bytes": b"",
    "seven_bytes": b"1234567",
    "length_zero": struct.pack("<Q", 0),
    "length_beyond_file": struct.pack("<Q", 3) + b"{}",
    "length_beyond_cap": struct.pack("<Q", 100_000_001) + b"{}",
    "length_all_ones": b"\xff" * 8 + b"{}",
    "byte_order_mark": framed("\ufeff{}"),
    "not_utf8": framed(b'{"\xff":' + EMPTY.encode() + b"}"),
    "utf8_surrogate": framed(b'{"\xed\xa0\x80":' + EMPTY.encode() + b"}"),
    "utf8_overlong": framed(b'{"\xc0\x80":' + EMPTY.encode() + b"}"),
    "lone_surrogate_escape": framed('{"\\ud800":' + EMPTY + "}"),
    "raw_control": framed('{"a\x01":' + EMPTY + "}"),
    "not_json": framed("hello"),
    "array": framed("[]"),
    "string": framed('"{}"'),
    "unclosed": framed('{"t":'),
    "trailing_comma": framed('{"t":' + EMPTY + ",}"),
    "second_value": framed("{}{}"),
    "zero_byte_after": framed(b"{}\0\0\0\0\0\0"),
    "comment": framed("{}//"),
    "deep_arrays": framed('{"t":{"dtype":"U8","shape":' + "[" * 5000),
    "deep_objects": framed('{"t":' * 1000),
    "tensor_null": framed('{"t":null}'),
    "tensor_number": framed('{"t":4}'),
    "metadata_twice": framed('{"__metadata__":{},"__metadata__":{}}'),
    "metadata_string": framed('{"__metadata__":"x"}'),
    "metadata_number": framed('{"__metadata__":{"topk":512}}'),
    "metadata_nested": framed('{"__metadata__":{"k":{"a":"b"}}}'),
    "field_twice": framed('{"t":{"dtype":"U8","dtype":"U8","shape":[0],"data_offsets":[0,0]}}'),
    "no_dtype": one(dtype=None),
    "no_shape": one(shape=None),
    "no_offsets": one(data_offsets=None),
    "dtype_lower_case": one(dtype="u8"),
    "dtype_unknown": one(dtype="Q4"),
    "dtype_number": one(dtype=8),
    "shape_number": one(shape=4),
    "shape_negative": one(shape=[-4]),
    "shape_float": one(shape=[4.0]),
    "shape_string": one(shape=["4"]),
    "shape_null": one(shape=[None]),
    "shape_beyond_u64": one(shape=[2**64]),
    "shape_product_overflows": one(shape=[2**32, 2**32]),
    "shape_bytes_overflow": one(dtype="F64", shape=[2**61]),
    "shape_wraps_to_size": one(shape=[2**62, 4, 4]),
    "packed_half_byte": one(dtype="F4", shape=[7]),
    "size_too_small": one(shape=[3]),
    "size_too_large": one(shape=[5]),
    "offsets_one": one(data_offsets=[4]),
    "offsets_three": one(data_offsets=[0, 4, 4]),
    "offsets_negative": one(data_offsets=[-4, 0]),
    "offsets_float": one(data_offsets=[0, 4.0]),
    "offsets_huge": one(data_offsets=[0, HUGE]),
    "offsets_falling": one(data_offsets=[4, 0]),
    "offsets_beyond_file": one(b"dat"),
    "trailing_bytes": one(b"data."),
    "bytes_without_tensor": framed("{}", b"x"),
    "overlap": pair([0, 2], [1, 3], b"abc"),
    "same_place": pair([0, 2], [0, 2], b"ab"),
    "gap": pair([0, 2], [3, 5], b"abcde"),
    "hole_at_start": pair([1, 3], [3, 5], b"abcde"),
}

# The package reads them, we refuse: nobody writes them in good faith, and another parser may see
# another file in them.
STRICTER = {
    "space_before": framed(" {}"),
    "name_twice": framed('{"a":' + EMPTY + ',"a":' + EMPTY + "}"),
    "name_twice_by_escape": framed('{"a":' + EMPTY + ',"\\u0061":' + EMPTY + "}"),
    "metadata_key_twice": framed('{"__metadata__":{"k":"1","k":"2"}}'),
    "metadata_null": framed('{"__metadata__":null}'),
    "unknown_field": one(note="x"),
    "tensor_as_array": framed('{"t":["U8",[0],[0,0]]}'),
    "shape_beyond_i64": one(b"", shape=[0, HUGE], data_offsets=[0, 0]),
    "empty_but_absurd": one(b"", shape=[0, 2**62, 2**62], data_offsets=[0, 0]),
    "dimensions_65": one(b"x", shape=[1] * 65, data_offsets=[0, 1]),
}

if __name__ == "__main__":
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for cases in (GOOD, REFUSED, STRICTER):
        for name, content in cases.items():
            (folder / name).write_bytes(content)
