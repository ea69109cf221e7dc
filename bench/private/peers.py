#!/usr/bin/env python3
"""Times Microsoft SEAL (as TenSEAL's wheel binds it: BFV, default moduli, 128 bits) and bench_private in one run, by turns.

usage: peers.py BENCH_PROGRAM [ROUNDS]

Each figure is the least CPU time of all rounds on one thread; a SEAL operation counts only after its decrypted result was compared
with the plain one, and bench_private checks its own in the same way before it measures.
"""
import json
import subprocess
import sys
import time

from tenseal import sealapi as seal

PLAIN = 65537


def least(body, seconds=0.4):
    best, spent = float("inf"), 0.0
    while spent < seconds:
        start = time.process_time()
        body()
        took = time.process_time() - start
        best, spent = min(best, took), spent + max(took, 1e-6)
    return best


def centred(values):
    return [v % PLAIN for v in values]


class Peer:
    def __init__(self, degree):
        parms = seal.EncryptionParameters(seal.SCHEME_TYPE.BFV)
        parms.set_poly_modulus_degree(degree)
        parms.set_coeff_modulus(seal.CoeffModulus.BFVDefault(degree, seal.SEC_LEVEL_TYPE.TC128))
        parms.set_plain_modulus(PLAIN)
        self.primes = len(parms.coeff_modulus()) - 1
        self.bits = sum(m.bit_count() for m in parms.coeff_modulus())
        self.context = seal.SEALContext(parms, True, seal.SEC_LEVEL_TYPE.TC128)
        keys = seal.KeyGenerator(self.context)
        public, self.relin, self.galois = seal.PublicKey(), seal.RelinKeys(), seal.GaloisKeys()
        keys.create_public_key(public)
        keys.create_relin_keys(self.relin)
        keys.create_galois_keys([3], self.galois)  # 3 rotates by one
        self.encoder = seal.BatchEncoder(self.context)
        self.encryptor = seal.Encryptor(self.context, public)
        self.decryptor = seal.Decryptor(self.context, keys.secret_key())
        self.evaluator = seal.Evaluator(self.context)
        self.values = [(i * 7919 + 5) % PLAIN for i in range(degree)]
        self.plain = seal.Plaintext()
        self.encoder.encode(self.values, self.plain)
        self.a, self.b = seal.Ciphertext(), seal.Ciphertext()
        self.encryptor.encrypt(self.plain, self.a)
        self.encryptor.encrypt(self.plain, self.b)

    def check(self, cipher, expected, what):
        plain = seal.Plaintext()
        self.decryptor.decrypt(cipher, plain)
        if centred(self.encoder.decode_uint64(plain)) != centred(expected):
            sys.exit(f"SEAL: {what} decrypts to something else")

    def figures(self):
        out, half = {}, len(self.values) // 2
        result = seal.Ciphertext()
        fresh = seal.Ciphertext()

        def multiply():
            self.evaluator.multiply(self.a, self.b, result)
            self.evaluator.relinearize_inplace(result, self.relin)

        multiply()
        self.check(result, [v * v for v in self.values], "product")
        out["multiply_relinearise"] = least(multiply)
        self.evaluator.rotate_rows(self.a, 1, self.galois, result)
        rows = [self.values[:half], self.values[half:]]
        self.check(result, [v for row in rows for v in row[1:] + row[:1]], "rotation")
        out["rotate"] = least(lambda: self.evaluator.rotate_rows(self.a, 1, self.galois, result))
        self.evaluator.add(self.a, self.b, result)
        self.check(result, [2 * v for v in self.values], "sum")
        out["add"] = least(lambda: self.evaluator.add(self.a, self.b, result))
        out["encrypt_public"] = least(lambda: self.encryptor.encrypt(self.plain, fresh))
        out["decrypt"] = least(lambda: self.decryptor.decrypt(self.a, seal.Plaintext()))
        # A ciphertext is 2 polynomials of `primes` limbs: forward and back.
        both = seal.Ciphertext()

        def there_and_back():
            self.evaluator.transform_to_ntt(self.a, both)
            self.evaluator.transform_from_ntt_inplace(both)

        out["transform_pair"] = least(there_and_back) / (2 * self.primes)
        return out


def ours(program, degree):
    text = subprocess.run([program, f"--benchmark_filter=/{degree}$", "--benchmark_format=json", "--benchmark_min_time=0.2"],
                          check=True, capture_output=True, text=True).stdout
    unit = {"us": 1e-6, "ms": 1e-3, "ns": 1e-9}
    out, bits = {}, 0
    for b in json.loads(text)["benchmarks"]:
        if b.get("error_occurred"):
            sys.exit(f"bench_private: {b['name']}: {b['error_message']}")
        out[b["name"].rsplit("/", 1)[0]] = b["cpu_time"] * unit[b["time_unit"]]
        bits = b.get("log2_QP", bits)
    out["transform_pair"] = out["transform/forward"] + out["transform/inverse"]
    return out, bits


def main():
    program, rounds = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 3
    print(f"{'CPU ms':24}{'N':>7}{'log2 QP':>16}{'ours':>10}{'SEAL BFV':>10}{'ratio':>8}")
    for degree in (8192, 16384, 32768):
        peer = Peer(degree)
        best_ours, best_peer, bits = {}, {}, 0
        for _ in range(rounds):
            mine, bits = ours(program, degree)
            for best, new in ((best_ours, mine), (best_peer, peer.figures())):
                for name, value in new.items():
                    best[name] = min(value, best.get(name, float("inf")))
        for name, value in best_peer.items():
            print(f"{name:24}{degree:7}{bits:7.0f} and {peer.bits:3}{best_ours[name] * 1e3:10.3f}{value * 1e3:10.3f}"
                  f"{value / best_ours[name]:8.2f}")


if __name__ == "__main__":
    main()
