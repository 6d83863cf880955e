//! The hash that places a key in its partition, on every path and platform.
//!
//! It needs nothing that wasm lacks: three 64-bit multiplications for a key of up to 16 bytes, which the word counter computes
//! from two registers without touching the key again. It is fixed for good: a partition's content depends on it. It does not
//! defend against keys chosen to collide.

/// Keys of up to this many bytes are hashed (and counted) as two zero-padded little-endian words.
pub(super) const INLINE_BYTES: usize = 16;

/// Hashes that may never change, for a test on each platform: `(key, key_hash(key))`.
pub const GOLDEN_HASHES: [(&str, u64); 6] = [
    ("", 0),
    ("a", 0xb7b2_300c_73d4_52c2),
    ("the", 0x1445_d64f_e829_80c0),
    ("aujourd'hui", 0x4761_f20d_c82e_aa04),
    ("sixteen bytes ok", 0x8be9_ed4a_cd61_511d),
    ("a key of more than sixteen bytes, ΩΣ", 0x0ed5_b5a4_c982_1dc0),
];

/// A fixed 64-bit hash. All bits are well mixed; trailing zero bytes of a key of at most 16 bytes do not change it.
pub fn key_hash(key: &[u8]) -> u64 {
    if key.len() <= INLINE_BYTES {
        let (low, high) = load(key);
        return hash_pair(low, high);
    }
    let mut hash = key.len() as u64;
    for chunk in key.chunks(INLINE_BYTES) {
        let (low, high) = load(chunk);
        hash = hash_pair(low ^ hash, high);
    }
    hash
}

/// The partition of a key: `hash(key) mod R` (MapReduce, OSDI'04 §4.1).
pub fn partition_of(hash: u64, partitions: u32) -> usize {
    (hash % u64::from(partitions.max(1))) as usize
}

/// The hash of a key of at most 16 bytes, given as its two words.
#[inline(always)]
pub(super) fn hash_pair(low: u64, high: u64) -> u64 {
    const LOW: u64 = 0x9e37_79b9_7f4a_7c15;
    const HIGH: u64 = 0xd6e8_feb8_6659_fd93;
    const LAST: u64 = 0xff51_afd7_ed55_8ccd;
    let mut hash = low.wrapping_mul(LOW) ^ high.wrapping_mul(HIGH).rotate_left(32);
    hash ^= hash >> 32;
    hash = hash.wrapping_mul(LAST);
    hash ^ (hash >> 29)
}

/// Up to 16 bytes as two zero-padded little-endian words. Whatever their number, some loads of a fixed size that may overlap have
/// them all.
#[inline(always)]
pub(super) fn load(bytes: &[u8]) -> (u64, u64) {
    let len = bytes.len();
    if let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) {
        let high = u64::from_le_bytes(*last).checked_shr(8 * (INLINE_BYTES - len) as u32);
        return (u64::from_le_bytes(*first), high.unwrap_or(0));
    }
    if let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) {
        let last = u64::from(u32::from_le_bytes(*last)) << (8 * (len - 4));
        return (u64::from(u32::from_le_bytes(*first)) | last, 0);
    }
    let byte = |index: usize| bytes.get(index).map_or(0, |byte| u64::from(*byte) << (8 * index));
    (byte(0) | byte(1) | byte(2), 0)
}

#[inline(always)]
pub(super) fn split_words(bytes: &[u8; INLINE_BYTES]) -> (u64, u64) {
    let both = u128::from_le_bytes(*bytes);
    (both as u64, (both >> 64) as u64)
}
