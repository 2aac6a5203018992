"""Programs that propose grasps, fail, babble, hang, and start children of their own."""

import gc
import os
import shlex
import subprocess
import sys
from pathlib import Path
from time import monotonic, sleep

import numpy as np
import pytest
from grasp_answers import GRIPPER, scene, written_as

from affordance_grasp.candidates.external.settings import ExternalSettings
from affordance_grasp.candidates.generators import make_generator
from affordance_grasp.errors import ExternalFault, InvalidInput, UnknownName


def made(tmp_path, script, **settings):
    path = tmp_path / "my grasps.py"
    path.write_text(script)
    settings.setdefault("timeout_s", 60.0)
    command = f"{shlex.quote(sys.executable)} {shlex.quote(str(path))}"
    return make_generator("command", GRIPPER, ExternalSettings(command=command, **settings))


def asked(generator):
    frame, understood, _ = scene()
    return generator.generate(frame, seed=3, scene=understood)


def run(tmp_path, script, **settings):
    return asked(made(tmp_path, script, **settings))


def test_a_program_s_grasp_group_becomes_candidates(tmp_path):
    known = scene()[2]
    T = written_as("graspnet", known.T_cam_tcp, 0.02)
    rows = np.zeros((len(known), 17))
    rows[:, 0] = np.linspace(0.1, 0.9, len(known))
    rows[:, 1], rows[:, 3] = 0.085, 0.02
    rows[:, 4:13] = T[:, :3, :3].reshape(-1, 9)
    rows[:, 13:16] = T[:, :3, 3]
    np.save(tmp_path / "prepared.npy", rows)
    script = f"""
import json, shutil, sys
import pathlib
folder = pathlib.Path(sys.argv[1])
assert json.loads((folder / "camera.json").read_text())["seed"] == 3
assert (folder / "color.png").exists() and (folder / "points.npy").exists()
shutil.copy({str(tmp_path / "prepared.npy")!r}, folder / "grasps.npy")
"""
    grasps = run(tmp_path, script)
    assert (grasps.generator, grasps.examined) == ("command", len(known))
    assert len(grasps) > 0.9 * len(known)
    apart = np.abs(known.T_cam_tcp - grasps.T_cam_tcp[0]).max(axis=(1, 2))
    assert apart.min() < 0.003
    with pytest.raises(ExternalFault, match="none of"):
        run(tmp_path, script, tip_offset_m=0.5)


def test_the_folder_is_gone_afterwards(tmp_path):
    note = tmp_path / "where"
    script = f"import sys; open({str(note)!r}, 'w').write(sys.argv[1]); print('no idea'); exit(3)"
    with pytest.raises(ExternalFault, match="ended with code 3: no idea"):
        run(tmp_path, script)
    assert not os.path.exists(note.read_text())


def test_only_the_end_of_a_long_complaint_is_kept(tmp_path):
    with pytest.raises(ExternalFault, match="the reason$") as fault:
        run(tmp_path, "print('x\\n' * 100000 + 'the reason'); exit(1)")
    assert len(str(fault.value)) < 500
    with pytest.raises(ExternalFault, match="no output"):
        run(tmp_path, "exit(1)")


def test_a_program_that_hangs_is_ended_with_its_children(tmp_path):
    note = tmp_path / "child"
    script = f"""
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
open({str(note)!r}, "w").write(str(child.pid))
time.sleep(600)
"""
    started = monotonic()
    with pytest.raises(ExternalFault, match="took longer than 2 s and was ended"):
        run(tmp_path, script, timeout_s=2.0)
    assert monotonic() - started < 20
    assert gone(int(note.read_text()))


def _alive(pid):
    """Neither gone nor dead and waiting for whoever inherits it."""
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_program_that_leaves_nothing_is_told(tmp_path):
    with pytest.raises(ExternalFault, match="neither grasps.npy nor grasps.json"):
        run(tmp_path, "pass")


def test_a_convention_that_the_program_made_up_is_told(tmp_path):
    script = """
import pathlib, sys
(pathlib.Path(sys.argv[1]) / "grasps.json").write_text('{"convention": "mine", "grasps": []}')
"""
    with pytest.raises(UnknownName, match="'mine'; known: tcp"):
        run(tmp_path, script)


@pytest.mark.parametrize(
    ("command", "words"),
    [("", "needs the program to run"), ("'unclosed", "No closing quotation")],
)
def test_a_command_that_is_none_is_refused(command, words):
    with pytest.raises(InvalidInput, match=words):
        make_generator("command", GRIPPER, ExternalSettings(command=command))


def test_a_program_that_is_not_there_is_told():
    settings = ExternalSettings(command="/no/such/program")
    frame, understood, _ = scene()
    with pytest.raises(ExternalFault, match="/no/such/program cannot be started"):
        make_generator("command", GRIPPER, settings).generate(frame, scene=understood)


STRAY = """
import os, subprocess, sys, time
code = "import os, sys, time; open(sys.argv[1], 'w').write(str(os.getpid())); time.sleep(600)"
child = [sys.executable, "-c", code, {note!r}]
if os.fork() == 0:  # whose parent ends at once
    subprocess.Popen(child, start_new_session=True)
    os._exit(0)
os.wait()
while not (os.path.exists({note!r}) and open({note!r}).read()):
    time.sleep(0.01)
"""


@pytest.mark.processes
@pytest.mark.parametrize(("then", "timeout_s"), [("exit(3)", 60.0), ("time.sleep(600)", 15.0)])
def test_orphans_in_sessions_of_their_own_are_ended(tmp_path, then, timeout_s):
    note = tmp_path / "child"
    with pytest.raises(ExternalFault, match="code 3|took longer"):
        run(tmp_path, STRAY.format(note=str(note)) + then, timeout_s=timeout_s)
    assert not _alive(int(note.read_text()))


def test_endless_output_is_not_kept(tmp_path):
    with pytest.raises(ExternalFault, match="took longer"):
        run(tmp_path, "import os\nwhile True: os.write(1, b'x' * 65536)", timeout_s=1.0)


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("shutil.rmtree(folder); folder.symlink_to('/etc')", "a link"),
        ("shutil.rmtree(folder); folder.write_text('x')", "neither grasps.npy nor"),
        ("shutil.rmtree(folder.parent)", "neither grasps.npy nor"),
        ("(folder / 'grasps.npy').symlink_to('/etc/passwd')", "grasps.npy is a link"),
        ("os.mkfifo(folder / 'grasps.json')", "grasps.json .*device or pipe"),
        ("(folder / 'grasps.json').mkdir()", "grasps.json .*a folder"),
        ("os.chmod(folder, 0)", "neither grasps.npy nor"),
        ("print('\\x1b[2J' + 'gone'); exit(1)", r"code 1: \\x1b\[2Jgone"),
    ],
)
def test_what_is_left_in_place_of_an_answer_is_told(tmp_path, script, words):
    with pytest.raises(ExternalFault, match=words):
        run(
            tmp_path,
            f"import os, pathlib, shutil, sys\nfolder = pathlib.Path(sys.argv[1])\n{script}\n",
        )


STAYS = """
import json, os, pathlib, sys, time
NOTE = pathlib.Path({note!r})
NOTE.open("a").write(f"{{os.getpid()}}\\n")
print("loading, which is nobody's affair", flush=True)
for number, line in enumerate(sys.stdin):
    folder = pathlib.Path(line.rstrip("\\n"))
    grasps = json.dumps({{"grasps": []}})
    print("half a line", end="")
    print()
{body}
time.sleep(600)  # it does not mind that its input has ended
"""


def staying(tmp_path, body, **settings):
    body = "\n".join(f"    {line}" for line in body.splitlines())
    script = STAYS.format(note=str(tmp_path / "pids"), body=body)
    return made(tmp_path, script, persistent=True, **settings)


def pids(tmp_path):
    return [int(pid) for pid in (tmp_path / "pids").read_text().split()]


def gone(pid):
    started = monotonic()
    while _alive(pid):  # a killed process takes its time to go on a busy machine
        assert monotonic() - started < 30
        sleep(0.05)
    return True


ANSWERS = "(folder / 'grasps.json').write_text(grasps); print(folder, flush=True)"


@pytest.mark.processes
def test_a_program_that_stays_up_is_started_once_and_goes_with_its_generator(tmp_path):
    generator = staying(tmp_path, ANSWERS)
    for _ in range(3):
        assert asked(generator).examined == 0
    (pid,) = pids(tmp_path)
    assert _alive(pid)
    del generator
    gc.collect()
    assert gone(pid)


@pytest.mark.processes
def test_what_a_program_that_stays_up_complains_of_is_told_and_it_stays(tmp_path):
    body = f"if number == 0: print(folder, 'no', 'idea', flush=True)\nelse: {ANSWERS}"
    generator = staying(tmp_path, body)
    with pytest.raises(ExternalFault, match="command: no idea"):
        asked(generator)
    assert asked(generator).examined == 0
    assert len(pids(tmp_path)) == 1


@pytest.mark.processes
@pytest.mark.parametrize(
    ("body", "timeout_s", "words"),
    [
        ("print('cannot'); sys.exit(3)", 60.0, "ended with code 3: .*cannot"),
        ("time.sleep(600)", 10.0, "took longer than 10 s and was ended"),
        ("while True: print('x' * 10000)", 10.0, "took longer"),
    ],
)
def test_a_program_that_does_not_answer_is_ended_and_started_anew(
    tmp_path, body, timeout_s, words
):
    first = f"if len(NOTE.read_text().split()) == 1:\n    {body}\n{ANSWERS}"
    generator = staying(tmp_path, first, timeout_s=timeout_s)
    with pytest.raises(ExternalFault, match=words) as fault:
        asked(generator)
    assert len(str(fault.value)) < 500
    assert gone(pids(tmp_path)[0])
    assert asked(generator).examined == 0
    assert len(pids(tmp_path)) == 2


ORPHANED = """
import sys
sys.path.insert(0, {tests!r})
from test_command import asked, staying, ANSWERS
from pathlib import Path
generator = staying(Path({folder!r}), ANSWERS)
asked(generator)
print("answered", flush=True)
sys.stdin.read()
"""


@pytest.mark.processes
def test_a_program_that_stays_up_ends_when_its_parent_is_killed(tmp_path):
    script = ORPHANED.format(tests=str(Path(__file__).parent), folder=str(tmp_path))
    parent = subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with parent:
        assert parent.stdout.readline() == b"answered\n"
        (pid,) = pids(tmp_path)
        parent.kill()
    assert gone(pid)
