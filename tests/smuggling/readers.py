#!/usr/bin/env python3
"""Reads what leaves Sipveil with readers that are not Rust, and says where one of them reads something else.

Three of them: a reading by hand after RFC 3261, Python's own parser of mail headers, and tshark (Wireshark 3 or 4), which
takes part when it is installed. Needs Python 3.9, and nothing else.

    mkdir /tmp/readings
    SIPVEIL_READINGS=/tmp/readings cargo test --test main smuggling::
    python3 tests/smuggling/readers.py /tmp/readings

Each NUMBER.sip is a message that left, NUMBER.json how Sipveil reads it. Compared are the rows that tell who somebody is,
what is to be hidden, which transaction it is and where it ends. Exits 1 when readers differ.
"""

import email.parser
import email.policy
import json
import pathlib
import re
import shutil
import struct
import subprocess
import sys

NAMES = {
    "from": ["from", "f"],
    "to": ["to", "t"],
    "call-id": ["call-id", "i"],
    "cseq": ["cseq"],
    "via": ["via", "v"],
    "contact": ["contact", "m"],
    "route": ["route"],
    "record-route": ["record-route"],
    "content-length": ["content-length", "l"],
    "privacy": ["privacy"],
    "p-asserted-identity": ["p-asserted-identity"],
    "p-preferred-identity": ["p-preferred-identity"],
}
# What tshark calls the rows it names. Via and Contact are left out: it names parts of them alike.
TSHARK = {
    "from": "sip.From",
    "to": "sip.To",
    "call-id": "sip.Call-ID",
    "cseq": "sip.CSeq",
    "content-length": "sip.Content-Length",
    "privacy": "sip.Privacy",
    "p-asserted-identity": "sip.P-Asserted-Identity",
    "p-preferred-identity": "sip.P-Preferred-Identity",
}
# Never in a message: separates what tshark prints.
BETWEEN_ROWS, BETWEEN_FIELDS = "\x1e", "\x1f"


def one_blank(value):
    return " ".join(value.replace("\r", " ").replace("\n", " ").replace("\t", " ").split(" ")).strip()


def squeezed(value):
    return " ".join(word for word in one_blank(value).split(" ") if word)


def of_rows(rows):
    """The values of each name that is compared, in their order."""
    return {
        name: [squeezed(value) for row, value in rows if row.lower() in spellings]
        for name, spellings in NAMES.items()
    }


def by_hand(message):
    """Start line and rows as RFC 3261 says they are to be read, and nothing else."""
    head, _, body = message.partition(b"\r\n\r\n")
    start, *rows = re.sub(rb"\r\n[ \t]+", b" ", head).split(b"\r\n")
    pairs = [row.decode("latin-1").partition(":") for row in rows]
    return start.decode("latin-1"), of_rows([(name.strip(), value) for name, _, value in pairs]), len(body)


def as_mail(message):
    """The rows as Python's parser of mail and HTTP headers reads them; None where it sees the end of the header too early,
    at the first blank before a colon."""
    rest = message.partition(b"\r\n")[2]
    head = rest.partition(b"\r\n\r\n")[0]
    if re.search(rb"(?m)^[^ \t:]+[ \t]+:", head):
        return None
    parsed = email.parser.BytesHeaderParser(policy=email.policy.compat32).parsebytes(head + b"\r\n\r\n")
    # Its own code for bytes that are no ASCII is undone.
    rows = [(name, str(value).encode("ascii", "surrogateescape")) for name, value in parsed.raw_items()]
    return of_rows([(name, value.decode("latin-1")) for name, value in rows])


def capture(messages):
    """A pcap with each message in a datagram of its own."""
    out = [struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 1 << 18, 101)]
    for number, message in enumerate(messages):
        udp = struct.pack(">HHHH", 5060, 5060, 8 + len(message), 0) + message
        ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0, bytes([192, 0, 2, 1]), bytes([192, 0, 2, 9]))
        packet = ip + udp
        out.append(struct.pack("<IIII", number, 0, len(packet), len(packet)) + packet)
    return b"".join(out)


def tshark_reads(folder, messages):
    """The rows of each message as tshark names them; None where it sees no SIP."""
    file = folder / "readings.pcap"
    file.write_bytes(capture(messages))
    command = ["tshark", "-r", str(file), "-o", "ip.check_checksum:FALSE", "-d", "udp.port==5060,sip", "-T", "fields"]
    command += ["-E", f"separator={BETWEEN_FIELDS}", "-E", f"aggregator={BETWEEN_ROWS}", "-E", "occurrence=a"]
    for field in ["sip", *TSHARK.values()]:
        command += ["-e", field]
    printed = subprocess.run(command, capture_output=True, check=True).stdout.decode("utf-8", "surrogateescape")
    for line in printed.split("\n")[: len(messages)]:
        sip, *fields = line.split(BETWEEN_FIELDS)
        yield dict(zip(TSHARK, fields)) if sip else None


def tshark_can(message, name, values):
    """Whether tshark is a judge of these rows.

    It knows no row with a compact name or with a blank before its colon, shows folds and signs that no terminal shows in
    a spelling of its own, and loses its way behind a method that is no word.
    """
    head = message.partition(b"\r\n\r\n")[0].replace(b"\r\n ", b"\n").replace(b"\r\n\t", b"\n")
    rows = [row for row in head.split(b"\r\n")[1:] if row.partition(b":")[0].strip().lower().decode("latin-1") in NAMES[name]]
    plain = all(row.lower().startswith(name.encode() + b":") and b"\n" not in row for row in rows)
    method = re.search(rb"(?im)^cseq[ \t]*:\s*[0-9]+\s+(\S+)", head)
    word = method is not None and method[1].isalpha()
    return plain and word and all(value.isprintable() and value.isascii() and "\\" not in value for value in values)


def same(name, theirs, mine):
    """tshark shows a length as the number it read."""
    return theirs == mine or (name == "content-length" and [*map(int, theirs)] == [*map(int, mine)])


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    folder = pathlib.Path(sys.argv[1])
    files = sorted(folder.glob("*.sip"))
    messages = [file.read_bytes() for file in files]
    ours = [json.loads(file.with_suffix(".json").read_text()) for file in files]
    faults = 0

    def differs(file, reader, what, theirs, mine):
        nonlocal faults
        faults += 1
        print(f"{file.name}: {reader} reads {what} as {theirs!r}, Sipveil as {mine!r}")

    mailed = 0
    for file, message, our in zip(files, messages, ours):
        start, rows, body = by_hand(message)
        mail = as_mail(message)
        mailed += mail is not None
        mine = of_rows(our["rows"])
        for what in NAMES:
            if rows[what] != mine[what]:
                differs(file, "a reading by hand", what, rows[what], mine[what])
            if mail is not None and mail[what] != mine[what]:
                differs(file, "Python's mail parser", what, mail[what], mine[what])
        if (start, body) != (our["start"], our["body"]):
            differs(file, "a reading by hand", "start and body", (start, body), (our["start"], our["body"]))
    print(f"by hand: {len(files)} messages, Python's mail parser: {mailed} messages")
    if shutil.which("tshark"):
        compared = 0
        for file, message, our, rows in zip(files, messages, ours, tshark_reads(folder, messages)):
            if rows is None:
                continue
            compared += 1
            mine = of_rows(our["rows"])
            for what, printed in rows.items():
                theirs = [squeezed(value) for value in printed.split(BETWEEN_ROWS)] if printed else []
                if tshark_can(message, what, mine[what]) and not same(what, theirs, mine[what]):
                    differs(file, "tshark", what, theirs, mine[what])
        print(f"tshark: {compared} messages")
    sys.exit(1 if faults else 0)


main()
