#!/usr/bin/env python3
"""Proof of stake in small: makes real geth nodes agree on blocks, as a consensus client does, over the Engine API.

    consensus.py NETWORK.json

NETWORK.json: {"slot_s": 2, "nodes": [{"engine": "http://HOST:8551", "jwt": FILE}], "groups": FILE}. In every slot one node of each
group proposes, and the others of the group take its block; the head is the longest chain that a group has seen (the lower hash
of two that are equal). The file `groups` says who sees whom, such as "0,1|2", and is read again in every slot: several groups
are a partition, and joining them again makes the shorter chain's nodes reorganise. A block is final when 16 others stand on it in
the group of the majority. Engine API: Cancun (engine_newPayloadV3, engine_forkchoiceUpdatedV3, engine_getPayloadV3).
"""
import base64
import hashlib
import hmac
import json
import secrets
import sys
import time
import urllib.request

ZERO = "0x" + "00" * 32
FINAL_DEPTH = 16


class Engine:
    """One execution client. Errors of transport and of the protocol are RuntimeError."""

    def __init__(self, url, jwt_file):
        self.url = url
        with open(jwt_file, encoding="ascii") as file:
            self.secret = bytes.fromhex(file.read().strip().removeprefix("0x"))

    def token(self):
        def part(data):
            return base64.urlsafe_b64encode(data).rstrip(b"=")

        head = part(b'{"alg":"HS256","typ":"JWT"}') + b"." + part(json.dumps({"iat": int(time.time())}).encode())
        return (head + b"." + part(hmac.new(self.secret, head, hashlib.sha256).digest())).decode()

    def call(self, method, *params):
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
        headers = {"Content-Type": "application/json", "Authorization": "Bearer " + self.token()}
        try:
            with urllib.request.urlopen(urllib.request.Request(self.url, body, headers), timeout=5) as answer:
                reply = json.load(answer)
        except (OSError, ValueError) as error:
            raise RuntimeError(f"{self.url}: {error}") from error
        if "error" in reply:
            raise RuntimeError(f"{self.url}: {method}: {reply['error'].get('message')}")
        return reply["result"]


class Chain:
    """Every block that was made, by hash, and who has seen it."""

    def __init__(self, engines):
        self.engines = engines
        genesis = engines[0].call("eth_getBlockByNumber", "0x0", False)
        self.genesis = genesis["hash"]
        self.payloads = {}
        self.numbers = {self.genesis: 0}
        self.seen = [{self.genesis} for _ in engines]
        self.final = [self.genesis] * len(engines)
        self.last_time = int(genesis["timestamp"], 16)

    def head(self, group):
        """The longest chain that somebody of the group has."""
        known = set().union(*(self.seen[i] for i in group))
        return min(known, key=lambda block: (-self.numbers[block], block))

    def ancestor(self, block, depth):
        for _ in range(depth):
            if block == self.genesis:
                break
            block = self.payloads[block]["parentHash"]
        return block

    def give(self, node, block):
        """Hands a node the block and all before it that it has not seen."""
        missing = []
        while block not in self.seen[node]:
            missing.append(block)
            block = self.payloads[block]["parentHash"]
        for one in reversed(missing):
            status = self.engines[node].call("engine_newPayloadV3", self.payloads[one], [], ZERO)["status"]
            if status not in ("VALID", "ACCEPTED"):
                raise RuntimeError(f"node {node}: block {self.numbers[one]}: {status}")
            self.seen[node].add(one)

    def choose(self, node, head, attributes=None):
        state = {"headBlockHash": head, "safeBlockHash": self.final[node], "finalizedBlockHash": self.final[node]}
        answer = self.engines[node].call("engine_forkchoiceUpdatedV3", state, attributes)
        if answer["payloadStatus"]["status"] != "VALID":
            raise RuntimeError(f"node {node}: head {head}: {answer['payloadStatus']}")
        return answer.get("payloadId")

    def propose(self, group, slot, build_s):
        """One slot of a group: a block by one of its nodes on the head of all."""
        head = self.head(group)
        for node in group:
            self.give(node, head)
        proposer = group[slot % len(group)]
        self.last_time = max(int(time.time()), self.last_time + 1)
        attributes = {
            "timestamp": hex(self.last_time),
            "prevRandao": "0x" + secrets.token_hex(32),
            "suggestedFeeRecipient": "0x" + "00" * 20,
            "withdrawals": [],
            "parentBeaconBlockRoot": ZERO,
        }
        job = self.choose(proposer, head, attributes)
        time.sleep(build_s)
        payload = self.engines[proposer].call("engine_getPayloadV3", job)["executionPayload"]
        block = payload["blockHash"]
        self.payloads[block] = payload
        self.numbers[block] = int(payload["blockNumber"], 16)
        majority = 2 * len(group) > len(self.engines)
        for node in group:
            self.give(node, block)
            if majority:
                final = self.ancestor(block, FINAL_DEPTH)
                if self.numbers[final] > self.numbers[self.final[node]]:
                    self.final[node] = final
            self.choose(node, block)
        return payload


def read_groups(path, count):
    try:
        with open(path, encoding="ascii") as file:
            groups = [[int(node) for node in group.split(",")] for group in file.read().strip().split("|")]
        if sorted(node for group in groups for node in group) == list(range(count)):
            return groups
    except (OSError, ValueError):
        pass
    return [list(range(count))]


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        network = json.load(file)
    engines = [Engine(node["engine"], node["jwt"]) for node in network["nodes"]]
    slot_s = network["slot_s"]
    chain = Chain(engines)
    slot = 0
    while True:
        began = time.monotonic()
        for group in read_groups(network["groups"], len(engines)):
            try:
                block = chain.propose(group, slot, 0.3)
                print(f"slot {slot} nodes {group}: block {int(block['blockNumber'], 16)} {block['blockHash'][:10]}"
                      f" {len(block['transactions'])} transactions, {int(block['gasUsed'], 16)} gas", flush=True)
            except RuntimeError as error:
                print(f"slot {slot} nodes {group}: {error}", flush=True)
        slot += 1
        time.sleep(max(0.0, slot_s - (time.monotonic() - began)))


if __name__ == "__main__":
    main()
