"""Who is who in VoxCeleb: which collection an identity belongs to, and which of them are for testing.

The two collections share nobody. Their identities are numbered id10001 to id11251 (VoxCeleb1) and id00012 to id09272
(VoxCeleb2).
"""

import re

COLLECTIONS = {"vox1": "VoxCeleb1", "vox2": "VoxCeleb2"}
TRAIN, TEST = "train", "test"

# VoxCeleb1's: the 40 whose name begins with E.
_TEST_1 = range(10270, 10310)
# VoxCeleb2's 118.
_TEXT_2 = """
00017 00061 00081 00154 00419 00562 00812 00817 00866 00926 01000 01041 01066 01106 01224 01228 01298 01333 01437
01460 01509 01541 01567 01593 01618 01822 01892 01989 02019 02057 02086 02181 02286 02317 02445 02465 02542 02548
02576 02577 02685 02725 02745 03030 03041 03127 03178 03347 03382 03524 03677 03789 03839 03862 03969 03978 03980
03981 04006 04030 04094 04119 04232 04253 04276 04295 04366 04478 04536 04570 04627 04656 04657 04862 04950 05015
05055 05124 05176 05202 05459 05594 05654 05714 05816 05850 05999 06104 06209 06310 06484 06692 06811 06816 06913
07312 07354 07396 07414 07426 07494 07620 07621 07663 07802 07868 07874 07961 08149 08374 08392 08456 08548 08552
08696 08701 08911 09017
"""
_TEST_2 = frozenset(int(number) for number in _TEXT_2.split())


def collection_of(identity: str) -> str | None:
    """'vox1' or 'vox2', or None for somebody who is in neither."""
    number = _number(identity)
    if number is None:
        return None
    return "vox1" if number > 10000 else "vox2"


def official_split(identity: str) -> str:
    """'test' for those whom the publishers set aside for testing, else 'train' (they say dev)."""
    number = _number(identity)
    return TEST if number is not None and (number in _TEST_1 or number in _TEST_2) else TRAIN


def _number(identity: str) -> int | None:
    match = re.fullmatch(r"id(\d{5})", identity)
    return int(match[1]) if match else None
