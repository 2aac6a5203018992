"""The journal of the campaign: a run that was ended goes on, and the table counts what ran."""

from dataclasses import replace

from campaign.journal import Journal, Verdict, findings, table

CLEAN = Verdict(seed=3, half="faults", kind="kill controller", stage="approach", case={"pose": 1})
UNSAFE = replace(CLEAN, seed=4, stage="lift", unsafe=("the arm moved on for 0.8 s",))


def test_what_is_written_is_read_and_not_run_again(tmp_path):
    journal = Journal(tmp_path / "runs" / "faults.jsonl")
    journal.append(CLEAN)
    journal.append(UNSAFE)
    assert list(journal.verdicts()) == [CLEAN, UNSAFE]
    assert journal.left("faults", range(3, 7)) == [5, 6]
    assert journal.left("files", range(3, 5)) == [3, 4]


def test_a_line_that_was_torn_by_a_kill_runs_again_and_spoils_no_other(tmp_path):
    path = tmp_path / "faults.jsonl"
    journal = Journal(path)
    journal.append(CLEAN)
    journal.append(UNSAFE)
    path.write_bytes(path.read_bytes()[:-20])
    assert journal.left("faults", (3, 4)) == [4]
    journal.append(UNSAFE)
    assert list(journal.verdicts()) == [CLEAN, UNSAFE]


def test_a_seed_that_ran_again_counts_once(tmp_path):
    journal = Journal(tmp_path / "faults.jsonl")
    journal.append(UNSAFE)
    journal.append(replace(UNSAFE, unsafe=()))
    (verdict,) = journal.verdicts()
    assert verdict.clean


def test_the_table_counts_runs_by_stage_and_findings_by_kind():
    lines = table([CLEAN, UNSAFE, replace(CLEAN, kind="cancel")]).splitlines()
    assert lines[0] == ("| kind | approach | lift | runs | unsafe | unexplained | tracebacks |")
    assert lines[2:] == [
        "| cancel | 1 |  | 1 | 0 | 0 | 0 |",
        "| kill controller | 1 | 1 | 2 | 1 | 0 | 0 |",
        "| **all** | 2 | 1 | 3 | 1 | 0 | 0 |",
    ]


def test_only_what_is_not_clean_is_told():
    (line,) = findings([CLEAN, UNSAFE])
    assert line.startswith("faults 4 (kill controller, lift): unsafe: the arm moved on")
