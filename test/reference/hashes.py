"""Keccak-256 and the Merkle trees of docs/engine.md."""
import struct

import numpy as np

# Keccak-256 (the padding before FIPS 202) of many messages of one length, a lane an array.

ROUND_CONSTANTS = []
OFFSETS = [[0] * 5 for _ in range(5)]


def constants():
    register = 1
    for _ in range(24):
        value = 0
        for j in range(7):
            if register & 1:
                value |= 1 << ((1 << j) - 1)
            register = (register << 1) ^ (0x171 if register & 0x80 else 0)
        ROUND_CONSTANTS.append(np.uint64(value))
    x, y = 1, 0
    for t in range(24):
        OFFSETS[x][y] = (t + 1) * (t + 2) // 2 % 64
        x, y = y, (2 * x + 3 * y) % 5


constants()


def rotate(lane, bits):
    if bits == 0:
        return lane
    return (lane << np.uint64(bits)) | (lane >> np.uint64(64 - bits))


def permute(a):
    for constant in ROUND_CONSTANTS:
        c = [a[x][0] ^ a[x][1] ^ a[x][2] ^ a[x][3] ^ a[x][4] for x in range(5)]
        d = [c[(x - 1) % 5] ^ rotate(c[(x + 1) % 5], 1) for x in range(5)]
        a = [[a[x][y] ^ d[x] for y in range(5)] for x in range(5)]
        b = [[None] * 5 for _ in range(5)]
        for x in range(5):
            for y in range(5):
                b[y][(2 * x + 3 * y) % 5] = rotate(a[x][y], OFFSETS[x][y])
        a = [[b[x][y] ^ (~b[(x + 1) % 5][y] & b[(x + 2) % 5][y]) for y in range(5)] for x in range(5)]
        a[0][0] = a[0][0] ^ constant
    return a


def keccak_many(messages):
    """messages: uint8 [count, length]; digests: uint8 [count, 32]."""
    count, length = messages.shape
    rate = 136
    padded = np.zeros((count, (length // rate + 1) * rate), np.uint8)
    padded[:, :length] = messages
    padded[:, length] ^= 1
    padded[:, -1] ^= 0x80
    lanes = padded.view("<u8").astype(np.uint64)
    a = [[np.zeros(count, np.uint64) for _ in range(5)] for _ in range(5)]
    for block in range(padded.shape[1] // rate):
        for i in range(rate // 8):
            a[i % 5][i // 5] = a[i % 5][i // 5] ^ lanes[:, block * 17 + i]
        a = permute(a)
    return np.stack([a[i][0] for i in range(4)], 1).astype("<u8").view(np.uint8)


def keccak(message):
    return keccak_many(np.frombuffer(bytes(message), np.uint8).reshape(1, -1)).tobytes()


# Merkle trees.

TENSOR, STEPS, WEIGHTS, TABLES, TRACE, OUTPUTS, INPUTS = range(1, 8)


def prefixed(head, rows):
    return np.concatenate([np.tile(np.frombuffer(bytes(head), np.uint8), (rows.shape[0], 1)), rows], 1)


def top_of(nodes, domain):
    """nodes: uint8 [trees, leaves, 32]; the tops [trees, 32]."""
    while nodes.shape[1] > 1:
        pairs = keccak_many(prefixed([1, domain], nodes.reshape(-1, 64)))
        nodes = pairs.reshape(nodes.shape[0], -1, 32)
    return nodes[:, 0]


def power_of_two(n):
    return 1 << max(0, n - 1).bit_length()


def byte_tree_roots(domain, blobs):
    """Roots of byte strings; trees of one depth are hashed together."""
    groups = {}
    for i, data in enumerate(blobs):
        groups.setdefault(power_of_two(max(1, -(-len(data) // 1024))), []).append(i)
    out = [b""] * len(blobs)
    for leaves, members in groups.items():
        padded = np.zeros((len(members), leaves * 1024), np.uint8)
        for row, i in zip(padded, members):
            row[: len(blobs[i])] = np.frombuffer(blobs[i], np.uint8)
        nodes = keccak_many(prefixed([0, domain], padded.reshape(-1, 1024))).reshape(len(members), leaves, 32)
        lengths = b"".join(struct.pack(">Q", len(blobs[i])) for i in members)
        rows = np.concatenate([np.frombuffer(lengths, np.uint8).reshape(-1, 8), top_of(nodes, domain)], 1)
        for i, root in zip(members, keccak_many(prefixed([2, domain], rows))):
            out[i] = root.tobytes()
    return out


def list_root(domain, items):
    nodes = np.zeros((power_of_two(max(1, len(items))), 32), np.uint8)
    if items:
        rows = [struct.pack(">Q", i) + item for i, item in enumerate(items)]
        rows = np.frombuffer(b"".join(rows), np.uint8).reshape(len(items), 40)
        nodes[: len(items)] = keccak_many(prefixed([0, domain], rows))
    return keccak(bytes([2, domain]) + struct.pack(">Q", len(items)) + top_of(nodes[None], domain).tobytes())
