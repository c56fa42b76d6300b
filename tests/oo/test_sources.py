"""Sources from the command line: minted once, listed without their credentials, renewed, revoked."""

from tests.oo.command_line import CommandLine

MOOD = ("--kind", "mood_reported")


def test_a_source_lives_from_its_minting_to_its_end(oo: CommandLine) -> None:
    """The credential is data, alone on stdout, and no later command shows it again."""
    watch = oo("sources", "add", "watch", *MOOD)
    assert (watch.code, watch.out.startswith("oo_tok_"), len(watch.out.split())) == (0, True, 1)
    hook = oo("sources", "add", "hook", *MOOD, "--kind", "task_changed", "--webhook", "--json").data
    renewed = oo("sources", "rotate", "hook", "--json").data
    assert hook["credential"].startswith("oo_whs_")
    assert (renewed["push_url"], renewed["credential"] != hook["credential"]) == (hook["push_url"], True)
    listed = oo("sources", "list", "--json")
    assert {one["name"]: one["form"] for one in listed.data} == {"watch": "token", "hook": "webhook"}
    assert not [secret for secret in (watch.out.strip(), renewed["credential"]) if secret in listed.out]
    assert [oo("sources", "revoke", "watch").code for _ in range(2)] == [0, 1]
    assert [one["name"] for one in oo("sources", "list", "--json").data] == ["hook"]


def test_a_kind_that_does_not_exist_and_a_name_that_is_taken_are_refused(oo: CommandLine) -> None:
    """One is a wrong command, the other a refusal; both say what to do."""
    assert oo("sources", "add", "watch", *MOOD).code == 0
    unknown, taken = oo("sources", "add", "x", "--kind", "weather"), oo("sources", "add", "watch", *MOOD)
    assert (unknown.code, "mood_reported" in unknown.err) == (2, True)
    assert (taken.code, "revoke" in taken.err) == (1, True)
