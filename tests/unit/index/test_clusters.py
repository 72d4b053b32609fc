"""Single and average linkage against what their definitions say, and what is told of clusters."""

import time
from itertools import combinations

import numpy as np
import pytest
from scipy.cluster.hierarchy import fcluster, linkage

from index.chunks import Chunks
from index.linking.average import average_linkage
from index.linking.clusters import single_linkage
from index.linking.forest import numbered, spanning_forest
from index.linking.held import EXACT_MAX, clusters_of, sizes
from index.linking.pairs import Pairs
from index.vectors import Rows


def unit(chance: np.random.Generator, n: int, dim: int = 8) -> Rows:
    rows = chance.standard_normal((n, dim)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def all_pairs(rows: Rows) -> Pairs:
    left, right = np.triu_indices(len(rows), 1)
    return Pairs.of(left, right, (rows[left].astype(np.float64) * rows[right]).sum(1))


def by_scipy(rows: Rows, method: str, threshold: float) -> np.ndarray:
    tree = linkage(1.0 - all_pairs(rows).scores.astype(np.float64), method)
    return numbered(fcluster(tree, 1.0 - threshold, "distance").astype(np.int64))


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("threshold", [0.2, 0.4, 0.6])
def test_of_all_pairs_both_linkages_are_scipys(seed: int, threshold: float) -> None:
    rows = unit(np.random.default_rng(seed), 60)
    single = single_linkage(60, all_pairs(rows), threshold)
    assert np.array_equal(single, by_scipy(rows, "single", threshold))
    average = average_linkage(60, all_pairs(rows), threshold, absent=-1.0)
    assert np.array_equal(average, by_scipy(rows, "average", threshold))
    assert 1 < average.max() + 1 < 60


@pytest.mark.parametrize("seed", range(4))
def test_an_absent_pair_counts_as_stated(seed: int) -> None:
    """UPGMA by definition, over a full table in which absent pairs score `absent`."""
    chance = np.random.default_rng(seed)
    pairs = all_pairs(unit(chance, 24, 4))
    pairs = pairs.take(chance.random(len(pairs)) < 0.4)
    table = np.full((24, 24), 0.1)
    table[pairs.left, pairs.right] = table[pairs.right, pairs.left] = pairs.scores
    clusters = [[row] for row in range(24)]
    while len(clusters) > 1:
        means = {
            (a, b): float(table[np.ix_(clusters[a], clusters[b])].mean())
            for a, b in combinations(range(len(clusters)), 2)
        }
        (one, other), best = max(means.items(), key=lambda item: item[1])
        if best < 0.45:
            break
        clusters[one] += clusters.pop(other)
    found = average_linkage(24, pairs, 0.45, absent=0.1)
    assert sorted(sorted(some) for some in clusters) == sorted(
        np.flatnonzero(found == one).tolist() for one in range(found.max() + 1)
    )


def test_absent_pairs_may_not_join_clusters() -> None:
    with pytest.raises(ValueError, match="must lie below"):
        average_linkage(2, Pairs.of([0], [1], [0.9]), 0.5, absent=0.5)


def test_the_forest_is_kruskals_whatever_the_order_of_pairs() -> None:
    chance = np.random.default_rng(5)
    n, m = 40, 160
    left, right = chance.integers(0, n, m), chance.integers(0, n, m)
    scores = np.round(chance.random(m), 1).astype(np.float32)  # many ties
    top = list(range(n))

    def find(row: int) -> int:
        return row if top[row] == row else find(top[row])

    expected = []
    for pair in sorted(
        range(m), key=lambda i: (-scores[i], min(left[i], right[i]), max(left[i], right[i]))
    ):
        one, other = find(left[pair]), find(right[pair])
        if one != other:
            top[one] = other
            expected.append((min(left[pair], right[pair]), max(left[pair], right[pair])))
    forest = spanning_forest(n, Pairs(left, right, scores))
    found = [(min(left[i], right[i]), max(left[i], right[i])) for i in forest.pairs]
    assert found == expected
    mixed = chance.permutation(m)
    again = spanning_forest(n, Pairs(right, left, scores).take(mixed))
    assert np.array_equal(again.of, forest.of)
    assert len(set(forest.of.tolist())) == n - len(forest.pairs)


def test_no_pairs_and_no_rows_make_no_clusters() -> None:
    none = Pairs.of([], [], [])
    for linked in (single_linkage, average_linkage):
        assert linked(3, none, 0.5).tolist() == [0, 1, 2]
        assert linked(0, none, 0.5).tolist() == []
    assert single_linkage(2, none, 0.5, members_max=1).tolist() == [0, 1]


def test_a_chain_is_cut_at_its_weakest_links() -> None:
    pairs = Pairs.of(np.arange(5), np.arange(1, 6), [0.9, 0.8, 0.6, 0.85, 0.7])
    assert single_linkage(6, pairs, 0.5).tolist() == [0] * 6
    # 0-1-2 | 3-4-5: at .65 the pieces hold three each.
    assert single_linkage(6, pairs, 0.5, members_max=3).tolist() == [0, 0, 0, 1, 1, 1]
    # Three are too many: .8 and .7 go, too, and what they joined last stays alone.
    assert single_linkage(6, pairs, 0.5, members_max=2).tolist() == [0, 0, 1, 2, 2, 3]
    assert single_linkage(6, pairs, 0.5, members_max=1).tolist() == list(range(6))


def test_the_bound_gives_clusters_of_higher_thresholds() -> None:
    rows = unit(np.random.default_rng(3), 40, 3)
    pairs = all_pairs(rows)
    bounded = single_linkage(40, pairs, 0.5, members_max=6)
    assert max(sizes(bounded)) <= 6
    trees = {
        tuple(np.flatnonzero(of == one).tolist())
        for cut in np.unique(pairs.scores)
        for of in [single_linkage(40, pairs, cut)]
        for one in range(of.max() + 1)
    } | {(row,) for row in range(40)}
    for one in range(bounded.max() + 1):
        assert tuple(np.flatnonzero(bounded == one).tolist()) in trees


def test_a_cluster_tells_its_weakest_link_its_diameter_and_the_chain() -> None:
    angles = np.array([0.0, 0.3, 0.7, 0.9, 2.5, 2.6])
    rows = np.stack([np.cos(angles), np.sin(angles)], 1).astype(np.float32)
    pairs = all_pairs(rows)
    of = single_linkage(6, pairs, np.cos(0.45))
    large, small = clusters_of(of, pairs, Chunks.of(rows))
    assert (large.members, small.members) == ([0, 1, 2, 3], [4, 5])
    assert (large.weakest.left, large.weakest.right) == (1, 2)
    assert large.weakest.score == pytest.approx(np.cos(0.4))
    assert large.diameter.score == pytest.approx(np.cos(0.9))
    assert large.is_exact
    assert [(link.left, link.right) for link in large.chain] == [(0, 1), (1, 2), (2, 3)]
    assert large.medoid == 1
    assert [(link.left, link.right) for link in small.chain] == [(4, 5)]
    assert sizes(of) == {4: 1, 2: 1}


def test_a_cluster_that_nothing_holds_together_is_refused() -> None:
    rows = unit(np.random.default_rng(0), 3)
    with pytest.raises(ValueError, match="no pair joins"):
        list(clusters_of(np.zeros(3, np.int64), Pairs.of([0], [1], [0.9]), Chunks.of(rows)))


def test_the_diameter_of_a_large_cluster_is_told_as_about() -> None:
    n = EXACT_MAX + 10
    angles = np.linspace(0.0, 1.5, n)
    rows = np.stack([np.cos(angles), np.sin(angles)], 1).astype(np.float32)
    pairs = Pairs.of(np.arange(n - 1), np.arange(1, n), np.ones(n - 1))
    (only,) = clusters_of(np.zeros(n, np.int64), pairs, Chunks.of(rows))
    assert not only.is_exact
    assert {only.diameter.left, only.diameter.right} == {0, n - 1}
    assert len(only.chain) == n - 1


@pytest.mark.slow
def test_a_million_rows_take_seconds() -> None:
    chance = np.random.default_rng(1)
    n, m = 1_000_000, 2_000_000
    pairs = Pairs.of(chance.integers(0, n, m), chance.integers(0, n, m), chance.random(m))
    started = time.process_time()
    of = single_linkage(n, pairs, 0.7)
    assert time.process_time() - started < 30  # it takes two
    assert max(sizes(of)) > 1000  # .6 links a row: past where one component swallows the rest
    assert max(sizes(single_linkage(n, pairs, 0.7, members_max=20))) <= 20
