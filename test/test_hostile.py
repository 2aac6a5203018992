"""The judge of hostile files finds what it is there to find."""

import pytest
from campaign.hostile import MOST_BYTES, Run, judged
from campaign.specimens import SPECIMENS

SENTENCE = "affordance-grasp plan: depth.png cannot be read (cut short)\n"


def verdict(kind="URDF", **changes):
    specimen = next(each for each in SPECIMENS if each.kind == kind)
    usual = {"code": 2, "error": SENTENCE, "cpu_s": 0.5, "rss": 10**8, "events": (), "hung": False}
    return judged(7, specimen, ["plan"], ["arm.urdf: flipped"], Run(**{**usual, **changes}))


@pytest.mark.parametrize(
    "ran",
    [
        {},
        {"code": 0, "error": ""},
        {"code": 3, "error": "usage: affordance-grasp plan\n" + SENTENCE},
        {"events": ["starts '/usr/bin/cp'"], "kind": "grasps.npy"},
        {"kind": "detections", "error": "labels:  14%|#| 1/7 [00:00<00:01, 5.59/s]\n" + SENTENCE},
    ],
)
def test_what_is_as_it_should_be_is_clean(ran):
    assert verdict(**ran).clean


@pytest.mark.parametrize(
    ("ran", "where", "words"),
    [
        (
            {"code": 99, "error": "Traceback (most recent call last):\n x"},
            "tracebacks",
            "Traceback",
        ),
        ({"code": -11, "error": ""}, "unexplained", "exit code -11"),
        ({"code": 2, "error": ""}, "unexplained", "not one sentence"),
        ({"code": 2, "error": SENTENCE * 2}, "unexplained", "not one sentence"),
        ({"code": 2, "error": SENTENCE.replace("cut", "\x1b[2J")}, "unexplained", "not one"),
        ({"code": 2, "error": SENTENCE.replace("cut", "x" * 2000)}, "unexplained", "not one"),
        ({"code": 0, "error": "RuntimeWarning: overflow"}, "unexplained", "printed"),
        ({"hung": True}, "unexplained", "hung"),
        ({"cpu_s": 30.0}, "unexplained", "30 s"),
        ({"rss": MOST_BYTES + 10**8}, "unexplained", "2.1 GB"),
        ({"events": ["starts 'gs'"]}, "unsafe", "gs"),
        ({"events": ["writes /root/x"], "kind": "grasps.npy"}, "unsafe", "/root/x"),
    ],
)
def test_what_is_wrong_is_found(ran, where, words):
    found = verdict(**ran)
    assert not found.clean
    assert any(words in said for said in getattr(found, where))
