//! The tree against the words of RFC 6962 and the vectors that its implementations share.

use proptest::prelude::*;

use super::*;

/// RFC 6962, section 2.1, word by word and without any cleverness.
mod slow {
    use super::*;

    pub fn mth(leaves: &[Vec<u8>]) -> Hash {
        match leaves {
            [] => Sha256::digest(b"").into(),
            [one] => {
                let mut text = vec![0x00];
                text.extend(one);
                Sha256::digest(&text).into()
            }
            many => {
                let k = largest_power_of_two_below(many.len());
                let mut text = vec![0x01];
                text.extend(mth(&many[..k]));
                text.extend(mth(&many[k..]));
                Sha256::digest(&text).into()
            }
        }
    }

    pub fn path(m: usize, leaves: &[Vec<u8>]) -> Vec<Hash> {
        if leaves.len() == 1 {
            return Vec::new();
        }
        let k = largest_power_of_two_below(leaves.len());
        let mut found;
        if m < k {
            found = path(m, &leaves[..k]);
            found.push(mth(&leaves[k..]));
        } else {
            found = path(m - k, &leaves[k..]);
            found.push(mth(&leaves[..k]));
        }
        found
    }

    pub fn proof(m: usize, leaves: &[Vec<u8>]) -> Vec<Hash> {
        subproof(m, leaves, true)
    }

    fn subproof(m: usize, leaves: &[Vec<u8>], whole: bool) -> Vec<Hash> {
        if m == leaves.len() {
            return if whole { Vec::new() } else { vec![mth(leaves)] };
        }
        let k = largest_power_of_two_below(leaves.len());
        let mut found;
        if m <= k {
            found = subproof(m, &leaves[..k], whole);
            found.push(mth(&leaves[k..]));
        } else {
            found = subproof(m - k, &leaves[k..], false);
            found.push(mth(&leaves[..k]));
        }
        found
    }

    fn largest_power_of_two_below(n: usize) -> usize {
        let mut k = 1;
        while k * 2 < n {
            k *= 2;
        }
        k
    }
}

/// Nodes straight from the leaves.
fn nodes(leaves: &[Vec<u8>]) -> impl FnMut(u8, u64) -> Hash + '_ {
    |level, index| {
        let size = 1_usize << level;
        let low = usize::try_from(index).expect("small") * size;
        slow::mth(&leaves[low..low + size])
    }
}

/// The eight leaves of the test vectors that the log implementations of RFC 6962 share.
fn vectors() -> Vec<Vec<u8>> {
    [
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    ]
    .map(unhex)
    .to_vec()
}

fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text
        .chars()
        .map(|c| c.to_digit(16).expect("hex") as u8)
        .collect();
    digits
        .chunks(2)
        .map(|pair| pair[0] << 4 | pair[1])
        .collect()
}

fn hash(text: &str) -> Hash {
    unhex(text).try_into().expect("32 bytes")
}

#[test]
fn roots_are_those_of_the_shared_test_vectors() {
    let leaves = vectors();
    let roots = [
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ];
    for (size, expected) in (0..).zip(roots) {
        assert_eq!(root(size, &mut nodes(&leaves)), hash(expected), "{size}");
    }
}

#[test]
fn proofs_are_those_of_the_shared_test_vectors() {
    let leaves = vectors();
    let path = inclusion(0, 8, &mut nodes(&leaves)).expect("there");
    assert_eq!(
        path,
        [
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
        ]
        .map(hash)
    );
    let path = consistency(6, 8, &mut nodes(&leaves)).expect("there");
    assert_eq!(
        path,
        [
            "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ]
        .map(hash)
    );
}

#[test]
fn every_small_tree_proves_every_leaf_and_every_beginning() {
    let leaves: Vec<Vec<u8>> = (0..70_u8).map(|n| vec![n]).collect();
    for size in 0..leaves.len() {
        let tree = &leaves[..size];
        let whole = root(size as u64, &mut nodes(tree));
        assert_eq!(whole, slow::mth(tree));
        for (index, leaf) in tree.iter().enumerate() {
            let path = inclusion(index as u64, size as u64, &mut nodes(tree)).expect("there");
            assert_eq!(path, slow::path(index, tree));
            let leaf = leaf_hash(leaf);
            assert!(includes(index as u64, size as u64, &leaf, &path, &whole));
            assert!(!includes(
                index as u64 + 1,
                size as u64,
                &leaf,
                &path,
                &whole
            ));
        }
        for from in 1..=size {
            let path = consistency(from as u64, size as u64, &mut nodes(tree)).expect("there");
            assert_eq!(path, slow::proof(from, tree));
            let old = slow::mth(&tree[..from]);
            assert!(extends(from as u64, size as u64, &old, &whole, &path));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_proof_with_one_changed_bit_proves_nothing(
        size in 2_u64..200, index in any::<u64>(), byte in any::<usize>(), bit in 0..8_u8,
    ) {
        let leaves: Vec<Vec<u8>> = (0..size).map(|n| n.to_be_bytes().to_vec()).collect();
        let index = index % size;
        let whole = root(size, &mut nodes(&leaves));
        let leaf = leaf_hash(&leaves[usize::try_from(index).expect("small")]);
        let mut path = inclusion(index, size, &mut nodes(&leaves)).expect("there");
        prop_assert!(includes(index, size, &leaf, &path, &whole));
        let place = byte % (path.len() * 32);
        path[place / 32][place % 32] ^= 1 << bit;
        prop_assert!(!includes(index, size, &leaf, &path, &whole));

        let from = index.max(1);
        let old = root(from, &mut nodes(&leaves));
        let mut path = consistency(from, size, &mut nodes(&leaves)).expect("there");
        prop_assert!(extends(from, size, &old, &whole, &path));
        let place = byte % (path.len() * 32);
        path[place / 32][place % 32] ^= 1 << bit;
        prop_assert!(!extends(from, size, &old, &whole, &path));
    }

    #[test]
    fn another_history_is_no_beginning(size in 2_u64..120, from in 1_u64..120, changed in any::<u64>()) {
        let from = from.min(size - 1);
        let leaves: Vec<Vec<u8>> = (0..size).map(|n| n.to_be_bytes().to_vec()).collect();
        let mut other = leaves.clone();
        other[usize::try_from(changed % from).expect("small")] = b"other".to_vec();
        let old = root(from, &mut nodes(&other));
        let whole = root(size, &mut nodes(&leaves));
        let path = consistency(from, size, &mut nodes(&leaves)).expect("there");
        prop_assert!(!extends(from, size, &old, &whole, &path));
    }
}
