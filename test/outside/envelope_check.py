"""An independent reading of docs/wire.md: no code of this project, only cbor2 and cryptography.

Takes a golden file of envelope/test/vectors as JSON on standard input, opens everything in it from
the keys alone, and prints what it found as JSON.
"""
import hashlib
import hmac
import json
import sys

import cbor2
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, utils, x25519
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256

PROTOCOL = "s3mp/1"
KINDS = {1: "reading", 2: "fast", 3: "seal", 4: "event", 5: "heartbeat", 6: "schema", 9: "ack"}


def sha256(data):
    return hashlib.sha256(data).digest()


def extract(salt, ikm):
    return hmac.new(salt or bytes(32), ikm, hashlib.sha256).digest()


def expand(prk, info, length):
    out, block, counter = b"", b"", 1
    while len(out) < length:
        block = hmac.new(prk, block + info + bytes([counter]), hashlib.sha256).digest()
        out, counter = out + block, counter + 1
    return out[:length]


# RFC 9180 with DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, ChaCha20Poly1305, base mode.
KEM_ID = b"KEM" + (0x0020).to_bytes(2, "big")
SUITE_ID = b"HPKE" + b"".join(n.to_bytes(2, "big") for n in (0x0020, 0x0001, 0x0003))


def labeled_extract(suite, salt, label, ikm):
    return extract(salt, b"HPKE-v1" + suite + label + ikm)


def labeled_expand(suite, prk, label, info, length):
    return expand(prk, length.to_bytes(2, "big") + b"HPKE-v1" + suite + label + info, length)


def hpke_open(private_key, enc, info, aad, ciphertext, export_context):
    public = private_key.public_key().public_bytes(
        serialization.Encoding.Raw, serialization.PublicFormat.Raw
    )
    dh = private_key.exchange(x25519.X25519PublicKey.from_public_bytes(enc))
    eae_prk = labeled_extract(KEM_ID, b"", b"eae_prk", dh)
    shared = labeled_expand(KEM_ID, eae_prk, b"shared_secret", enc + public, 32)
    context = (
        b"\x00"
        + labeled_extract(SUITE_ID, b"", b"psk_id_hash", b"")
        + labeled_extract(SUITE_ID, b"", b"info_hash", info)
    )
    secret = labeled_extract(SUITE_ID, shared, b"secret", b"")
    key = labeled_expand(SUITE_ID, secret, b"key", context, 32)
    nonce = labeled_expand(SUITE_ID, secret, b"base_nonce", context, 12)
    exporter = labeled_expand(SUITE_ID, secret, b"exp", context, 32)
    plaintext = ChaCha20Poly1305(key).decrypt(nonce, ciphertext, aad)
    return plaintext, labeled_expand(SUITE_ID, exporter, b"sec", export_context, 32)


def public_key(key):
    return serialization.load_pem_private_key(key["privateKey"].encode(), None).public_key()


def ueid(key):
    if isinstance(key, ed25519.Ed25519PublicKey):
        raw = key.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        cose = {1: 1, -1: 6, -2: raw}
    else:
        numbers = key.public_numbers()
        cose = {1: 2, -1: 1, -2: numbers.x.to_bytes(32, "big"), -3: numbers.y.to_bytes(32, "big")}
    return b"\x01" + sha256(cbor2.dumps(cose))


def verify_sign1(message, key, kind, signer, recipient):
    protected, unprotected, payload, signature = cbor2.loads(message)
    assert unprotected == {}
    aad = cbor2.dumps([PROTOCOL, kind, signer, recipient])
    covered = cbor2.dumps(["Signature1", protected, aad, payload])
    if isinstance(key, ed25519.Ed25519PublicKey):
        assert cbor2.loads(protected) == {1: -19}
        key.verify(signature, covered)
    else:
        assert cbor2.loads(protected) == {1: -9}
        r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
        key.verify(utils.encode_dss_signature(r, s), covered, ec.ECDSA(SHA256()))
    return payload


def traffic_keys(secret, label):
    out = expand(secret, (PROTOCOL + " " + label).encode(), 52)
    return out[:8], out[8:40], out[40:]


def open_traffic(datagram, keys, direction, transcript):
    protected, unprotected, ciphertext = cbor2.loads(datagram)
    kid, key, common_iv = keys
    assert cbor2.loads(protected) == {1: 24} and unprotected[4] == kid
    if direction == 0:
        partial = int.from_bytes(unprotected[6], "big")
        nonce = (int.from_bytes(common_iv, "big") ^ partial).to_bytes(12, "big")
    else:
        nonce = unprotected[5]
    external = cbor2.dumps([PROTOCOL, direction, transcript])
    aad = cbor2.dumps(["Encrypt0", protected, external])
    plaintext = ChaCha20Poly1305(key).decrypt(nonce, ciphertext, aad)
    return plaintext[0], plaintext[1:]


def main():
    golden = json.load(sys.stdin)
    device, recipient = public_key(golden["device"]), public_key(golden["recipient"])
    device_id, recipient_id = ueid(device), ueid(recipient)
    found = {"ueid": device_id.hex(), "recipient": recipient_id.hex(), "records": [], "acks": []}

    prekey = bytes.fromhex(golden["prekey"]["object"])
    suite, prekey_id, prekey_public = cbor2.loads(
        verify_sign1(prekey, recipient, 8, recipient_id, b"")
    )[:3]
    assert prekey_id == sha256(b"s3mp/1 prekey" + bytes([suite]) + prekey_public)[:8]

    # Signatures and payloads of every record, whatever the suite of the epoch.
    heads = {}
    for record in golden["records"]:
        kind = {name: code for code, name in KINDS.items()}[record["kind"]]
        message = bytes.fromhex(record["object"])
        payload = message
        if record["kind"] != "fast":
            payload = verify_sign1(message, device, kind, device_id, recipient_id)
        stream, _, _, _, prev = cbor2.loads(payload)[:5]
        start = sha256(b"s3mp/1 genesis" + cbor2.dumps([device_id, stream]))
        assert prev == heads.get(stream, start)[:16], "chain"
        heads[stream] = sha256(payload)
        broken = bytearray(message)
        broken[-1] ^= 1
        if record["kind"] != "fast":
            try:
                verify_sign1(bytes(broken), device, kind, device_id, recipient_id)
                raise SystemExit("a broken signature was accepted")
            except InvalidSignature:
                pass
        found["records"].append(payload.hex())

    if suite == 1:
        open_epoch(golden, found, device, device_id, recipient_id, prekey_id)
    json.dump(found, sys.stdout)


def open_epoch(golden, found, device, device_id, recipient_id, prekey_id):
    datagram = bytes.fromhex(golden["epoch"]["datagram"])
    protected, unprotected, ciphertext = cbor2.loads(datagram)
    assert cbor2.loads(protected) == {1: -65537} and unprotected[4] == prekey_id
    private = x25519.X25519PrivateKey.from_private_bytes(
        bytes.fromhex(golden["prekey"]["privateKey"])
    )
    info = cbor2.dumps([PROTOCOL, 7, 1, recipient_id])
    aad = cbor2.dumps(["Encrypt0", protected, cbor2.dumps([PROTOCOL, 7, prekey_id])])
    enc = unprotected[-4]
    message, exported = hpke_open(private, enc, info, aad, ciphertext, b"s3mp/1 epoch")
    claims = cbor2.loads(verify_sign1(message, device, 7, device_id, recipient_id))
    assert claims[0] == 1 and claims[2] == device_id and claims[3] == prekey_id
    assert claims[4] == sha256(enc)
    found["epochNumber"] = claims[1]

    transcript = sha256(datagram)
    root = extract(transcript, exported)
    found["transcript"] = transcript.hex()
    steps, secret = [], expand(root, b"s3mp/1 step", 32)
    for _ in range(24):
        steps.append(traffic_keys(secret, "up"))
        secret = expand(secret, b"s3mp/1 next", 32)
    found["kids"] = [kid.hex() for kid, _, _ in steps]
    by_kid = {keys[0]: keys for keys in steps}
    for record in golden["records"]:
        sealed = bytes.fromhex(record["datagram"])
        keys = by_kid[cbor2.loads(sealed)[1][4]]
        kind, rest = open_traffic(sealed, keys, 0, transcript)
        message = bytes.fromhex(record["object"])
        assert KINDS[kind] == record["kind"] and rest.startswith(message)
        assert set(rest[len(message):]) <= {0}
    down = traffic_keys(root, "down")
    found["downKid"] = down[0].hex()
    for ack in golden["acks"]:
        kind, payload = open_traffic(bytes.fromhex(ack["datagram"]), down, 1, transcript)
        assert KINDS[kind] == "ack"
        found["acks"].append(payload.hex())


main()
