#!/usr/bin/env python3
"""Times stages of the step in torch, on one core, beside those of `fulgurite bench --part stages`.

    apt-get install python3-torch
    python3 bench/torch_peer.py build/release/apps/fulgurite/fulgurite

torch works in bf16, where fulgurite works on int8 codes: it has no int8 product of this kind on
CPUs. The two are timed one after the other, torch before and after fulgurite; its faster time
counts.
"""

import json
import statistics
import subprocess
import sys
import time

import torch

HEADS, HEAD_DIM, HIDDEN, QUERY_RANK, PICKS = 64, 128, 4096, 1024, 512


def bf16(*shape):
    return torch.randn(*shape).to(torch.bfloat16)


def projection(tokens, depth, columns):
    x, weights = bf16(tokens, depth), bf16(depth, columns)
    return lambda: x @ weights


def hadamard(rows):
    q, matrix = bf16(rows, HEAD_DIM), bf16(HEAD_DIM, HEAD_DIM)
    return lambda: q @ matrix


def score(rows, select):
    q, keys, weights = bf16(HEADS, HEAD_DIM), bf16(rows, HEAD_DIM), bf16(HEADS)

    def run():
        dots = torch.relu(torch.einsum("hd,rd->hr", q, keys))
        scores = torch.einsum("h,hr->r", weights, dots)
        return torch.topk(scores, PICKS) if select else scores

    return run


def cases():
    """(stage and shape as the bench names them, what torch does)"""
    for tokens in (128, 8):
        yield ("query", f"T {tokens}"), projection(tokens, QUERY_RANK, HEADS * HEAD_DIM)
        columns = 4 * HEAD_DIM + HEADS
        yield ("weights + compress", f"T {tokens}"), projection(tokens, HIDDEN, columns)
    yield ("rope + hadamard + quantize", "8,192 rows"), hadamard(8192)
    for rows in (2048, 8192, 32768, 131072):
        yield ("score, all logits", f"{rows:,} rows"), score(rows, select=False)
        yield ("score + select, dense", f"{rows:,} rows"), score(rows, select=True)


def median_s(run):
    run()
    times = []
    begin = time.perf_counter()
    while len(times) < 9 and (len(times) < 3 or time.perf_counter() - begin < 3):
        start = time.thread_time()
        run()
        times.append(time.thread_time() - start)
    return statistics.median(times)


def fulgurite_stages(tool):
    command = [tool, "bench", "--part", "stages", "--json"]
    bench = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    return bench, {(r["stage"], r["shape"]): r["seconds"] for r in bench["parts"][0]["rows"]}


def main(tool):
    torch.set_num_threads(1)
    torch.manual_seed(1)
    runs = dict(cases())
    with torch.no_grad():
        before = {case: median_s(run) for case, run in runs.items()}
        bench, ours = fulgurite_stages(tool)
        after = {case: median_s(run) for case, run in runs.items()}
    print(f"{bench['cpu']}; torch {torch.__version__}, one thread; fulgurite {bench['isa']}\n")
    print(f"{'stage':28}{'shape':14}{'torch, bf16':>13}{'fulgurite':>13}{'ratio':>8}")
    for case in runs:
        theirs = min(before[case], after[case])
        print(
            f"{case[0]:28}{case[1]:14}{1e6 * theirs:10.0f} us{1e6 * ours[case]:10.0f} us"
            f"{theirs / ours[case]:8.2f}"
        )


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
