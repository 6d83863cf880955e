// `approx_distinct` once more, from what was published: XXH3 of up to 128 bytes (the xxHash specification), HyperLogLog with 2^12
// registers (Flajolet and others, 2007) and Ertl's estimator (2017). Numbers of 64 bits are BigInts.

const SECRET = Buffer.from(
  "b8fe6c3923a44bbe7c01812cf721ad1cded46de9839097db7240a4a4b7b3671fcb79e64eccc0e578825ad07dccff7221b8084674f743248ee03590e6813a264c" +
    "3c2852bb91c300cb88d0658b1b532ea371644897a20df94e3819ef46a9deacd8a8fa763fe39c343ff9dcbbc7c70b4f1d8a51e04bcdb45931c89f7ec9d9787364",
  "hex",
);
const PRIME_1 = 0x9e3779b185ebca87n;
const PRIME_2 = 0xc2b2ae3d27d4eb4fn;
const PRIME_3 = 0x165667b19e3779f9n;
const MASK = (1n << 64n) - 1n;

const wrap = (value) => value & MASK;
const rotate = (value, bits) => wrap(value << bits) | (value >> (64n - bits));
const fold = (a, b) => wrap(a * b) ^ ((a * b) >> 64n);
const secret = (at) => SECRET.readBigUInt64LE(at);
const swap = (value) => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(value);
  return bytes.readBigUInt64BE();
};
const avalanche = (hash) => {
  const mixed = wrap((hash ^ (hash >> 37n)) * 0x165667919e3779f9n);
  return mixed ^ (mixed >> 32n);
};

export function xxh3(text) {
  const bytes = Buffer.from(text);
  const size = bytes.length;
  const length = BigInt(size);
  if (size === 0 || size > 128) throw new Error(`a word of ${size} bytes`);
  if (size <= 3) {
    const all = (BigInt(bytes[0]) << 16n) | (BigInt(bytes[size >> 1]) << 24n) | BigInt(bytes[size - 1]) | (length << 8n);
    let hash = all ^ BigInt((SECRET.readUInt32LE(0) ^ SECRET.readUInt32LE(4)) >>> 0);
    hash = wrap((hash ^ (hash >> 33n)) * PRIME_2);
    hash = wrap((hash ^ (hash >> 29n)) * PRIME_3);
    return hash ^ (hash >> 32n);
  }
  if (size <= 8) {
    const both = (BigInt(bytes.readUInt32LE(0)) << 32n) + BigInt(bytes.readUInt32LE(size - 4));
    let hash = both ^ secret(8) ^ secret(16);
    hash = wrap((hash ^ rotate(hash, 49n) ^ rotate(hash, 24n)) * 0x9fb21c651e98df25n);
    hash = wrap((hash ^ ((hash >> 35n) + length)) * 0x9fb21c651e98df25n);
    return hash ^ (hash >> 28n);
  }
  if (size <= 16) {
    const low = bytes.readBigUInt64LE(0) ^ secret(24) ^ secret(32);
    const high = bytes.readBigUInt64LE(size - 8) ^ secret(40) ^ secret(48);
    return avalanche(wrap(length + swap(low) + high + fold(low, high)));
  }
  const mix = (at, key) => fold(bytes.readBigUInt64LE(at) ^ secret(key), bytes.readBigUInt64LE(at + 8) ^ secret(key + 8));
  let sum = length * PRIME_1;
  // Sixteen bytes from either end, until both ends meet.
  for (let pair = 0; pair * 32 < size; pair += 1) {
    sum += mix(pair * 16, pair * 32) + mix(size - (pair + 1) * 16, pair * 32 + 16);
  }
  return avalanche(wrap(sum));
}

const PRECISION = 12n;
const REGISTERS = 4096;
const RANK_MAX = 53;

export function hyperLogLog(values) {
  const registers = new Uint8Array(REGISTERS);
  for (const value of values) {
    const hash = xxh3(value);
    const rest = hash & ((1n << 52n) - 1n);
    const rank = rest === 0n ? RANK_MAX : 53 - rest.toString(2).length;
    const index = Number(hash >> (64n - PRECISION));
    registers[index] = Math.max(registers[index], rank);
  }
  const counts = new Array(RANK_MAX + 1).fill(0);
  for (const rank of registers) counts[rank] += 1;
  let z = REGISTERS * tau(1 - counts[RANK_MAX] / REGISTERS);
  for (let rank = RANK_MAX - 1; rank >= 1; rank -= 1) z = 0.5 * (z + counts[rank]);
  z += REGISTERS * sigma(counts[0] / REGISTERS);
  return Math.round((REGISTERS * REGISTERS) / (2 * Math.LN2 * z));
}

function sigma(x) {
  if (x === 1) return Infinity;
  let [y, z, before] = [1, x, NaN];
  while (z !== before) {
    x *= x;
    before = z;
    z += x * y;
    y += y;
  }
  return z;
}

function tau(x) {
  if (x === 0 || x === 1) return 0;
  let [y, z, before] = [1, 1 - x, NaN];
  while (z !== before) {
    x = Math.sqrt(x);
    before = z;
    y *= 0.5;
    z -= (1 - x) ** 2 * y;
  }
  return z / 3;
}
