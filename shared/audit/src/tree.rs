//! The Merkle tree of RFC 6962 (section 2.1), which RFC 9162 keeps: hashing, roots and proofs.
//!
//! Everything here is arithmetic over nodes of complete subtrees, named by level (0 are the leaves)
//! and index. Where nodes come from is the caller's: the functions that need them take a closure.

use sha2::{Digest, Sha256};

/// SHA-256.
pub type Hash = [u8; 32];

/// The root of the empty tree.
pub fn empty_root() -> Hash {
    Sha256::digest([]).into()
}

/// The hash of a leaf's bytes.
pub fn leaf_hash(leaf: &[u8]) -> Hash {
    Sha256::new_with_prefix([0])
        .chain_update(leaf)
        .finalize()
        .into()
}

/// The hash of an inner node.
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    Sha256::new_with_prefix([1])
        .chain_update(left)
        .chain_update(right)
        .finalize()
        .into()
}

/// The root over the first `size` leaves.
pub fn root(size: u64, node: &mut impl FnMut(u8, u64) -> Hash) -> Hash {
    if size == 0 {
        return empty_root();
    }
    subtree(0, size, node)
}

/// The inclusion proof of leaf `index` in the tree of `size` leaves, from the leaf upwards; `None`
/// where there is no such leaf.
pub fn inclusion(
    index: u64,
    size: u64,
    node: &mut impl FnMut(u8, u64) -> Hash,
) -> Option<Vec<Hash>> {
    if index >= size {
        return None;
    }
    let mut path = Vec::new();
    let (mut low, mut high) = (0, size);
    while high - low > 1 {
        let middle = low + split(high - low);
        if index < middle {
            path.push(subtree(middle, high, node));
            high = middle;
        } else {
            path.push(subtree(low, middle, node));
            low = middle;
        }
    }
    path.reverse();
    Some(path)
}

/// The proof that the tree of `from` leaves is the beginning of the one of `to`; `None` where
/// `from` is larger. Empty for equal sizes and for the empty tree.
pub fn consistency(
    from: u64,
    to: u64,
    node: &mut impl FnMut(u8, u64) -> Hash,
) -> Option<Vec<Hash>> {
    if from > to {
        return None;
    }
    let mut path = Vec::new();
    if from == 0 || from == to {
        return Some(path);
    }
    let (mut low, mut high) = (0, to);
    // Whether the part at hand begins at the first leaf, so that its hash is the old root itself.
    let mut whole = true;
    while from != high {
        let middle = low + split(high - low);
        if from <= middle {
            path.push(subtree(middle, high, node));
            high = middle;
        } else {
            path.push(subtree(low, middle, node));
            low = middle;
            whole = false;
        }
    }
    if !whole {
        path.push(subtree(low, high, node));
    }
    path.reverse();
    Some(path)
}

/// Whether `path` proves that the leaf lies at `index` of the tree with that root (RFC 9162,
/// section 2.1.3.2).
pub fn includes(index: u64, size: u64, leaf: &Hash, path: &[Hash], root: &Hash) -> bool {
    if index >= size {
        return false;
    }
    let (mut place, mut last) = (index, size - 1);
    let mut hash = *leaf;
    for sibling in path {
        if last == 0 {
            return false;
        }
        if place & 1 == 1 || place == last {
            hash = node_hash(sibling, &hash);
            while place & 1 == 0 && place != 0 {
                place >>= 1;
                last >>= 1;
            }
        } else {
            hash = node_hash(&hash, sibling);
        }
        place >>= 1;
        last >>= 1;
    }
    last == 0 && hash == *root
}

/// Whether `path` proves that the tree of `from` leaves begins the tree of `to` (RFC 9162, section
/// 2.1.4.2).
pub fn extends(from: u64, to: u64, old: &Hash, new: &Hash, path: &[Hash]) -> bool {
    if from == 0 || from == to {
        let known = if from == 0 {
            *old == empty_root()
        } else {
            old == new
        };
        return path.is_empty() && known && from <= to;
    }
    if from > to {
        return false;
    }
    let mut rest = path.iter();
    let first = if from.is_power_of_two() {
        *old
    } else {
        match rest.next() {
            Some(first) => *first,
            None => return false,
        }
    };
    let (mut place, mut last) = (from - 1, to - 1);
    while place & 1 == 1 {
        place >>= 1;
        last >>= 1;
    }
    let (mut of_old, mut of_new) = (first, first);
    for hash in rest {
        if last == 0 {
            return false;
        }
        if place & 1 == 1 || place == last {
            of_old = node_hash(hash, &of_old);
            of_new = node_hash(hash, &of_new);
            while place & 1 == 0 && place != 0 {
                place >>= 1;
                last >>= 1;
            }
        } else {
            of_new = node_hash(&of_new, hash);
        }
        place >>= 1;
        last >>= 1;
    }
    last == 0 && of_old == *old && of_new == *new
}

/// The hash over the leaves `low..high`; `low` lies where a subtree of that size begins.
fn subtree(low: u64, high: u64, node: &mut impl FnMut(u8, u64) -> Hash) -> Hash {
    let size = high - low;
    if size.is_power_of_two() {
        let level = size.trailing_zeros() as u8;
        return node(level, low >> level);
    }
    let middle = low + split(size);
    let left = subtree(low, middle, node);
    let right = subtree(middle, high, node);
    node_hash(&left, &right)
}

/// The largest power of two below `size`, which is at least 2.
fn split(size: u64) -> u64 {
    1 << (size - 1).ilog2()
}

#[cfg(test)]
mod tests;
