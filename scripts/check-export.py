#!/usr/bin/env python3
"""Checks exported records with nothing but the device's public key, and without this project's code.

usage: check-export.py DEVICE.json RECORDS.jsonl

DEVICE.json is the file that the device wrote when it made its key; RECORDS.jsonl what the head-end exports.
Needs the Debian packages python3-cbor2 and python3-cryptography. Follows docs/wire.md.

exit status: 0 all of it is proven, 1 something is not or cannot be read, 2 wrong usage
"""
import hashlib
import json
import sys

try:
    import cbor2
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, utils
    from cryptography.hazmat.primitives.hashes import SHA256
except ImportError as error:
    sys.exit(f"check-export: {error.name} is missing: apt install python3-cbor2 python3-cryptography")

PROTOCOL = "s3mp/1"
KINDS = {"reading": 1, "fast": 2, "seal": 3, "event": 4, "heartbeat": 5, "schema": 6}
LINE_CHARS_MAX = 1 << 20


class Wrong(Exception):
    """What is wrong, in words."""


def sha256(data):
    return hashlib.sha256(data).digest()


class Device:
    """The public key, and the name that is its hash."""

    def __init__(self, algorithm, public):
        if algorithm == "Ed25519":
            self.key = ed25519.Ed25519PublicKey.from_public_bytes(public)
            self.header, cose = {1: -19}, {1: 1, -1: 6, -2: public}
        elif algorithm == "ESP256":
            self.key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), public)
            point = self.key.public_numbers()
            x, y = point.x.to_bytes(32, "big"), point.y.to_bytes(32, "big")
            self.header, cose = {1: -9}, {1: 2, -1: 1, -2: x, -3: y}
        else:
            raise Wrong(f"no such algorithm: {algorithm}")
        self.ueid = b"\x01" + sha256(cbor2.dumps(cose))

    def payload_of(self, message, kind, recipient):
        """The payload of a COSE_Sign1 whose signature holds."""
        protected, unprotected, payload, signature = cbor2.loads(message)
        if unprotected != {} or cbor2.loads(protected) != self.header or len(signature) != 64:
            raise Wrong("it is not signed as it should be")
        aad = cbor2.dumps([PROTOCOL, kind, self.ueid, recipient])
        covered = cbor2.dumps(["Signature1", protected, aad, payload])
        try:
            if isinstance(self.key, ed25519.Ed25519PublicKey):
                self.key.verify(signature, covered)
            else:
                r, s = (int.from_bytes(part, "big") for part in (signature[:32], signature[32:]))
                self.key.verify(utils.encode_dss_signature(r, s), covered, ec.ECDSA(SHA256()))
        except InvalidSignature:
            raise Wrong("the signature does not hold") from None
        return payload


class Stream:
    """The chain of a stream's records as far as it was followed."""

    def __init__(self, device, number):
        self.genesis = sha256(b"s3mp/1 genesis" + cbor2.dumps([device.ueid, number]))[:16]
        self.head, self.records, self.restarts, self.begin = None, 0, 0, None
        self.open = []  # Hashes of fast records that no seal covers yet.
        self.bare = 0  # Fast records that none will ever cover: the chain ends behind them.

    def follow(self, kind, payload, seq, previous, rest):
        before, self.head = self.head, sha256(payload)[:16]
        self.records += 1
        if before is None:
            self.begin = seq
            if seq == 1 and previous != self.genesis:
                raise Wrong("the first record does not begin the chain")
        elif previous == bytes(16):
            self.restarts += 1
            self.bare += len(self.open)
            self.open = []
        elif previous != before:
            raise Wrong("it does not carry the hash of the record before it")
        if kind == "seal":
            _, count, digest = rest[:3]
            covered = self.open[-count:]
            if len(covered) != count or sha256(b"".join(covered)) != digest:
                raise Wrong("the seal does not fit the records that it closes")
            self.open = []
        if kind == "fast":
            self.open.append(sha256(payload))


def check(device, lines):
    header = json.loads(next(lines))
    if header.get("format") != "s3mp-records/1":
        raise Wrong("not an export of records")
    if header["ueid"] != device.ueid.hex():
        raise Wrong("the export is about another device")
    recipient = bytes.fromhex(header["recipientId"])
    streams, wrong = {}, []
    for number, line in enumerate(lines, 1):
        try:
            if len(line) > LINE_CHARS_MAX:
                raise Wrong("the line is too long")
            record = json.loads(line)
            kind, message = record["kind"], bytes.fromhex(record["object"])
            signed = kind != "fast"
            payload = device.payload_of(message, KINDS[kind], recipient) if signed else message
            stream, seq, _, _, previous, *rest = cbor2.loads(payload)
            chain = streams.setdefault(stream, Stream(device, stream))
            chain.follow(kind, payload, seq, previous, rest)
        except (Wrong, ValueError, KeyError, TypeError, cbor2.CBORDecodeError) as error:
            wrong.append(f"record {number}: {error or type(error).__name__}")
    return streams, wrong


def main(words):
    if len(words) != 2:
        print(__doc__.strip(), file=sys.stderr)
        return 2
    try:
        with open(words[0], encoding="utf-8") as file:
            card = json.load(file)
        device = Device(card["algorithm"], bytes.fromhex(card["publicKey"]))
        with open(words[1], encoding="utf-8") as file:
            streams, wrong = check(device, file)
    except (OSError, Wrong, ValueError, KeyError, TypeError, StopIteration) as error:
        print(f"check-export: {error or type(error).__name__}", file=sys.stderr)
        return 1
    print(f"device {device.ueid.hex()}")
    for number, chain in sorted(streams.items()):
        notes = [f"{chain.records} records from number {chain.begin} on"]
        if chain.restarts:
            notes.append(f"began anew {chain.restarts} times")
        if chain.open:
            notes.append(f"the last {len(chain.open)} of them not sealed yet, and so not proven")
        if chain.bare:
            notes.append(f"{chain.bare} of them before a new beginning and under no seal: not proven")
        print(f"stream {number}: " + "; ".join(notes))
    for line in wrong:
        print(line)
    bare = sum(chain.bare + len(chain.open) for chain in streams.values())
    restarts = sum(chain.restarts for chain in streams.values())
    if wrong:
        print(f"WRONG: {len(wrong)} records")
    elif bare:
        print(f"not proven: nothing is wrong, but no signature covers {bare} of the records")
    elif restarts:
        print(f"not proven: nothing is wrong, but chains began anew {restarts} times; what was lost there is not shown")
    else:
        print("proven: signatures, seals and chains hold")
    return 1 if wrong or bare or restarts else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
