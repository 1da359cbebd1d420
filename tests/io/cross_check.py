"""Our safetensors reader and writer against the safetensors package from PyPI, both ways.

`python cross_check.py PROBE`, where PROBE is the program safetensors_probe.
"""

import json
import pathlib
import random
import subprocess
import sys
import tempfile

import numpy
import safetensors
import safetensors.numpy

import safetensors_cases as cases

DTYPES = ["bool", "uint8", "int8", "uint16", "int16", "float16", "uint32", "int32", "float32",
          "uint64", "int64", "float64", "complex64"]
FORMAT_NAMES = {"bool": "BOOL", "uint8": "U8", "int8": "I8", "uint16": "U16", "int16": "I16",
                "float16": "F16", "uint32": "U32", "int32": "I32", "float32": "F32",
                "uint64": "U64", "int64": "I64", "float64": "F64", "complex64": "C64"}
SHAPES = [[], [0], [1], [7], [3, 0, 2], [2, 3], [1, 1, 1, 1], [2, 3, 5, 7], [1000]]
failures = []


def expect(holds, what):
    if not holds:
        failures.append(what)
        print("FAILED:", what)


def probe(*arguments):
    return subprocess.run([PROBE, *map(str, arguments)], capture_output=True, text=True,
                          timeout=60)


def as_dumped(content):
    """What the package sees, in the form of the probe's dump; no order."""
    return {name: (view["dtype"], view["shape"], bytes(view["data"]).hex())
            for name, view in safetensors.deserialize(content)}


def our_dump(path):
    result = probe("dump", path)
    expect(result.returncode == 0, f"{path.name}: our reader refused it: {result.stderr}")
    if result.returncode != 0:
        return {}, {}
    seen = json.loads(result.stdout)
    return {t["name"]: (t["dtype"], t["shape"], t["bytes"]) for t in seen["tensors"]}, \
        seen["metadata"]


def check_readable(path, metadata):
    """The package and we see the same in a file, and the package in our rewriting of it."""
    theirs = as_dumped(path.read_bytes())
    ours, our_metadata = our_dump(path)
    expect(ours == theirs, f"{path.name}: we read what the package reads")
    expect(our_metadata == metadata, f"{path.name}: we read the metadata")
    again = path.with_suffix(".again")
    result = probe("rewrite", path, again)
    expect(result.returncode == 0, f"{path.name}: we rewrite it: {result.stderr}")
    expect(as_dumped(again.read_bytes()) == theirs, f"{path.name}: the package reads ours")
    with safetensors.safe_open(again, "numpy") as opened:
        expect((opened.metadata() or {}) == metadata, f"{path.name}: the package reads metadata")


def random_array(generator, dtype, shape):
    size = int(numpy.prod(shape)) * numpy.dtype(dtype).itemsize
    content = generator.randbytes(size)
    if dtype == "bool":
        content = bytes(byte & 1 for byte in content)
    return numpy.frombuffer(content, dtype=dtype).reshape(shape)


def check_every_dtype_and_shape(folder, generator):
    tensors = {f"{dtype} {shape}": random_array(generator, dtype, shape)
               for dtype in DTYPES for shape in SHAPES}
    metadata = {"topk": "512", "quoted \"\\\n": "\u65e5\u672c \U0001f600 \u0001"}
    path = folder / "every"
    safetensors.numpy.save_file(tensors, path, metadata)
    check_readable(path, metadata)
    ours, _ = our_dump(path)
    for name, array in tensors.items():
        expect(ours.get(name) == (FORMAT_NAMES[array.dtype.name], list(array.shape),
                                  array.tobytes().hex()), f"{name}: dtype, shape and bytes")
    rewritten = safetensors.numpy.load_file(path.with_suffix(".again"))
    for name, array in tensors.items():
        expect(rewritten[name].dtype == array.dtype and
               rewritten[name].tobytes() == array.tobytes(), f"{name}: NumPy reads ours")


def check_random_files(folder, generator, count):
    for number in range(count):
        tensors = {}
        for _ in range(generator.randrange(8)):
            shape = [generator.randrange(5) for _ in range(generator.randrange(4))]
            name = "".join(chr(generator.choice([generator.randrange(1, 0x80), 0xe9, 0x65e5]))
                           for _ in range(generator.randrange(6)))
            tensors[name] = random_array(generator, generator.choice(DTYPES), shape)
        path = folder / f"random{number}"
        metadata = {"k" * generator.randrange(1, 9): "v"} if generator.random() < 0.5 else {}
        safetensors.numpy.save_file(tensors, path, metadata or None)
        check_readable(path, metadata)


def package_accepts(content):
    try:
        safetensors.deserialize(content)
        return True
    except safetensors.SafetensorError:
        return False


def check_refused(path, content):
    path.write_bytes(content)
    result = probe("dump", path)
    expect(result.returncode == 3, f"{path.name}: we refuse it (exit {result.returncode})")
    expect(result.stderr.startswith(f"{path}: ") and result.stderr.count("\n") == 1,
           f"{path.name}: in one line that names the file: {result.stderr!r}")


def check_cases(folder):
    for name, content in cases.GOOD.items():
        path = folder / name
        path.write_bytes(content)
        header = content[8:8 + int.from_bytes(content[:8], "little")]
        metadata = json.loads(header).get("__metadata__", {})
        check_readable(path, metadata)
    for name, content in cases.REFUSED.items():
        check_refused(folder / name, content)
        expect(not package_accepts(content), f"{name}: the package refuses it, too")
    for name, content in cases.STRICTER.items():
        check_refused(folder / name, content)
        expect(package_accepts(content), f"{name}: the package is less strict")


def main():
    generator = random.Random(371)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        check_every_dtype_and_shape(folder, generator)
        check_random_files(folder, generator, 40)
        check_cases(folder)
    print(f"{len(failures)} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    PROBE = sys.argv[1]
    sys.exit(main())
