#!/usr/bin/env python3
"""Makes vectors like those of a photo library, for the benchmarks of the index: N unit vectors of 512 float32.

    make_vectors.py N OUT [--seed S]

Most are photos of their own, drawn around 300 topics of very unequal sizes, with the energy in few directions, as
embeddings have it: unrelated ones have a cosine of about 0.16 +- 0.13, and 64 directions hold three quarters of the energy.
One in five of them has one to eight edited copies, at cosines from 0.93 to 0.999; some have twins of equal bytes, and 60
vectors are all equal. There are bursts of 50 to 500 vectors within 0.96 to 0.9999 of their middle, three at least and one more
for each 12,500 vectors. The directions and topics are the same for every N and seed.

OUT.f32 gets the vectors in a shuffled order, row after row, OUT.kind what each is (a byte: 0 photo, 1 copy, 2 twin, 3 burst),
OUT.group which photo it belongs to (int32), OUT.walk the rows in the order of a walk through folders, a photo's copies beside it
(int32). Needs numpy, and memory for a part of the vectors only.
"""

import argparse

import numpy as np

DIM = 512
TOPICS = 300
PHOTO, COPY, TWIN, BURST = range(4)
EQUAL = 60
PART = 16384


def unit(rows):
    return rows / np.sqrt(np.einsum("ij,ij->i", rows, rows))[:, None]


class World:
    """What all sets of vectors have in common: the directions that matter, and the topics."""

    def __init__(self):
        rng = np.random.default_rng(20240214)
        self.axes = np.linalg.qr(rng.standard_normal((DIM, DIM)))[0]
        share = (1 + np.arange(DIM) / 10) ** -1.5
        self.scale = np.sqrt(share / share.sum())
        self.centre = unit(self.along_axes(rng, 1))
        self.topics = unit(self.along_axes(rng, TOPICS)) * rng.uniform(0.45, 0.9, (TOPICS, 1))
        weight = np.arange(1, TOPICS + 1) ** -0.8
        self.weight = weight / weight.sum()

    def along_axes(self, rng, n):
        return rng.standard_normal((n, DIM)) * self.scale @ self.axes.T

    def photos(self, rng, n):
        topic = self.topics[rng.choice(TOPICS, n, p=self.weight)]
        x = unit(0.45 * self.centre + topic + 0.85 * unit(self.along_axes(rng, n)))
        return unit(x + 0.05 * unit(rng.standard_normal((n, DIM))))

    def near(self, rng, rows, cosine):
        """Vectors with these cosines to the rows: an edit goes half along the directions that matter."""
        away = unit(self.along_axes(rng, len(rows))) + unit(rng.standard_normal(rows.shape))
        away = unit(away - np.einsum("ij,ij->i", away, rows)[:, None] * rows)
        return cosine[:, None] * rows + np.sqrt(1 - cosine**2)[:, None] * away


def bursts(world, rng, n):
    """The bursts and the block of equal vectors, as (rows, kind)."""
    yield np.repeat(world.photos(rng, 1), EQUAL, axis=0), TWIN
    for _ in range(max(3, n // 12500)):
        size = min(int(50 * 10 ** rng.uniform(0, 1)), max(50, n // 20))
        middle = np.repeat(world.photos(rng, 1), size, axis=0)
        yield world.near(rng, middle, 1 - 10 ** rng.uniform(-4, np.log10(0.04), size)), BURST


def families(world, rng, n):
    """n photos with their copies and twins beside them, as (rows, kinds, groups)."""
    base = world.photos(rng, n)
    lot = rng.random(n)
    copies = np.where(lot < 0.2, rng.integers(1, 9, n), 0)
    twins = np.where((lot >= 0.2) & (lot < 0.23), rng.integers(1, 4, n), 0)
    of_copy, of_twin = np.repeat(np.arange(n), copies), np.repeat(np.arange(n), twins)
    rows = np.concatenate([base, world.near(rng, base[of_copy], rng.uniform(0.93, 0.999, len(of_copy))), base[of_twin]])
    kinds = np.repeat(np.uint8([PHOTO, COPY, TWIN]), [n, len(of_copy), len(of_twin)])
    groups = np.concatenate([np.arange(n), of_copy, of_twin])
    order = np.argsort(groups, kind="stable")
    return rows[order], kinds[order], groups[order]


def parts(world, rng, n):
    """All vectors in the order of a walk, as (rows, kinds, groups)."""
    left, group = n, 0
    for rows, kind in bursts(world, rng, n):
        rows = rows[:left]
        yield rows, np.full(len(rows), kind, np.uint8), np.full(len(rows), group)
        left, group = left - len(rows), group + 1
    while left > 0:
        rows, kinds, groups = families(world, rng, min(left, PART))
        yield rows[:left], kinds[:left], group + groups[:left]
        left, group = left - min(left, len(rows)), group + groups[-1] + 1


def make(n, out, seed):
    world, rng = World(), np.random.default_rng(seed)
    walk = rng.permutation(n).astype(np.int32)
    vectors = np.memmap(out + ".f32", np.float32, "w+", shape=(n, DIM))
    kinds, groups = np.empty(n, np.uint8), np.empty(n, np.int32)
    done = 0
    for rows, kind, group in parts(world, rng, n):
        to = walk[done : done + len(rows)]
        vectors[to] = unit(rows)
        kinds[to], groups[to] = kind, group
        done += len(rows)
    vectors.flush()
    kinds.tofile(out + ".kind")
    groups.tofile(out + ".group")
    walk.tofile(out + ".walk")
    return vectors, kinds


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("n", type=int)
    parser.add_argument("out")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    vectors, kinds = make(args.n, args.out, args.seed)

    sample = np.array(vectors[np.random.default_rng(2).integers(0, args.n, min(args.n, 3000))], np.float64)
    cosines = (sample @ sample.T)[np.triu_indices(len(sample), 1)]
    energy = np.sort(np.linalg.eigvalsh(np.cov(sample.T)))[::-1]
    print(
        f"{args.n} vectors: {np.bincount(kinds, minlength=4).tolist()} photos, copies, twins, in bursts; unrelated cosine "
        f"{cosines.mean():.3f} +- {cosines.std():.3f}; 64 directions hold {energy[:64].sum() / energy.sum():.0%} of the energy"
    )


if __name__ == "__main__":
    main()
