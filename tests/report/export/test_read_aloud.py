"""The page as its reader meets it: on fronts of real sweeps, in sentences, on a phone, on paper."""

import html
import re
from dataclasses import replace
from functools import partial
from pathlib import Path

import pandas
import pytest

from kdtune.report.drawing.picture import Picture, picture
from kdtune.report.export.figures import front, group_rates
from kdtune.report.export.labels import axis_label, short
from kdtune.report.export.page.losses import class_changes_in_words, losses, ratios_in_words
from kdtune.report.export.page.report import page
from kdtune.report.export.page.sentences import front_in_words, opening
from kdtune.report.export.page.tables import confusion_table, front_table, groups_table
from kdtune.report.export.results.findings import Findings
from kdtune.report.export.results.recommendation import Recommendation
from kdtune.runs.measures.objectives import Objective
from tests.report.browser import laid_out, needs_chromium
from tests.report.export.real_fronts import NAMES, read_front, with_differences

GROUPS = pandas.DataFrame(
    {"id": ["t0000"], "attribute": ["sex"], "group": ["Female"], "n": [9], "accuracy": [0.5]}
)


def without_groups(findings: Findings) -> Findings:
    """Return the findings as if the data had no groups."""
    record = replace(findings.record, attributes={}, objectives=("accuracy",))

    def alone(splits: dict[str, dict[str, object]]) -> dict[str, dict[str, object]]:
        bare = {
            **splits["test"],
            "attributes": {},
            "calibration": {"all": splits["test"]["calibration"]["all"]},
        }  # type: ignore[index]
        return {**splits, "test": bare}

    models = [replace(m, splits=alone(dict(m.splits))) for m in findings.models]  # type: ignore[arg-type]
    n = len(findings.members)
    return replace(
        findings,
        record=record,
        objectives=findings.objectives[:1],
        members=tuple(models[:n]),
        baselines=tuple(models[n:]),
        recommendation=Recommendation("none", None, (), {}),
    )


@pytest.fixture(scope="module")
def drawn() -> dict[str, Picture]:
    return {name: picture_of(read_front(name)) for name in NAMES}


@pytest.fixture(scope="module")
def pages(drawn: dict[str, Picture]) -> dict[str, str]:
    written = {name: page(read_front(name), [drawn[name]], GROUPS) for name in NAMES}
    written["no groups"] = page(without_groups(read_front("adult")), [drawn["adult"]], GROUPS[:0])
    return written


def picture_of(findings: Findings) -> Picture:
    return picture("front", "The front", "", partial(front.draw, findings))


def text_of(written: str) -> str:
    body = re.sub(r"<(svg|style).*?</\1>", " ", written, flags=re.DOTALL)
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", body)))


def test_a_share_is_written_in_one_form(pages: dict[str, str]) -> None:
    """0.671 and 67.1 % stand for the same number: only one of them may be on the page."""
    for name in NAMES:
        said = text_of(pages[name])
        settings = {f"{m.config['alpha']:.3f}" for m in read_front(name).models if "alpha" in m.config}
        for model in read_front(name).models:
            for value in (model.value("accuracy"), model.value("eod"), model.value("dpd")):
                assert f"{100 * value:.1f}" in said or model.role == "teacher"
                if f"{value:.3f}" in settings:  # an α that happens to be the same number
                    continue
                assert not re.search(rf"(?<![\d.]){re.escape(f'{value:.3f}')}(?!\d)", said), value


def test_which_group_loses_is_said_in_words() -> None:
    findings = read_front("compas")
    said = losses(findings, findings.focus)
    groups = findings.focus.splits["test"]["attributes"]["race"]["groups"]
    rates = {g["group"]: g["by_class"][1] for g in groups}
    low, high = sorted(rates, key=lambda name: rates[name]["tpr"]["value"])
    assert f"least often in the group {low}: {100 * rates[low]['tpr']['value']:.1f}" in said
    assert f"of {rates[low]['n']:,}, against {100 * rates[high]['tpr']['value']:.1f}" in said
    assert "Its EOD over race" in said
    assert "beyond noise" in said
    [ratio] = ratios_in_words(findings, findings.focus, "race")
    shares = [rates[name]["selection_rate"]["value"] for name in rates]
    assert f"a ratio of {min(shares) / max(shares):.2f}, below four fifths" in ratio


def test_a_class_is_named_by_the_column_of_its_label() -> None:
    """'1' alone tells nobody what is recognised least often."""
    findings = read_front("compas")
    assert "recognises examples of class '1' least often" in losses(findings, findings.focus)
    named = replace(
        findings,
        record=replace(
            findings.record, dataset={**findings.record.dataset, "options": {"label": "two_year_recid"}}
        ),
    )
    assert "recognises examples whose two_year_recid is '1' least often" in losses(named, named.focus)
    assert ": 2 classes of two_year_recid; " in page(named, [picture_of(named)], GROUPS)


def test_what_was_searched_for_students_alone_is_said() -> None:
    """A student that is better than a network with another learning rate need not owe it to its teacher."""
    findings = read_front("compas")
    assert "for distilled students alone" not in text_of(page(findings, [picture_of(findings)], GROUPS))
    space = {
        "search": {
            "temperature": {"low": 1, "high": 40},
            "alpha": [0.5, 0.9],
            "lr": {"low": 0.001, "high": 0.1},
        },
        "pairs": [{"pair": "mlp-64->mlp-8", "search": {"group_weights": ["none", "race"]}}],
    }
    baselines = tuple(replace(m, config={**m.config, "lr": 0.02}) for m in findings.baselines)
    searched = replace(findings, record=replace(findings.record, space=space), baselines=baselines)
    said = text_of(page(searched, [picture_of(searched)], GROUPS))
    assert (
        "The search varied lr and group weights for distilled students alone: the same network without a teacher was "
        "trained once, with the settings of the space (there: lr 0.02)." in said
    )


def test_data_are_named_by_their_file() -> None:
    """'table' says nothing of which data these are, and where they lie on the machine is nobody's business."""
    findings = read_front("compas")
    dataset = {**findings.record.dataset, "options": {"path": "/home/somebody/compas.csv"}}
    named = replace(findings, record=replace(findings.record, dataset=dataset))
    said = text_of(page(named, [picture_of(named)], GROUPS))
    assert "compas.csv: 2 classes; " in said
    assert "somebody" not in said
    assert "table: 2 classes; " in text_of(page(findings, [picture_of(findings)], GROUPS))


def test_without_groups_the_class_that_loses_is_named(pages: dict[str, str]) -> None:
    findings = without_groups(read_front("adult"))
    said = losses(findings, findings.focus)
    assert "recognises class '>50K' least often" in said
    assert "no class gains or loses right answers beyond noise" in said
    assert opening(findings)[2].startswith(
        "The network mlp-16 without teacher recognises class '>50K' least often"
    )
    trade = next(m for m in findings.members if m.id == "t0024")
    assert "'>50K' loses 20.4 points of right answers" in losses(findings, trade)
    assert "The data have no groups" in text_of(pages["no groups"])


def test_where_all_groups_or_classes_are_alike_none_of_them_is_the_worst() -> None:
    findings = read_front("compas")
    member = findings.focus
    test = member.splits["test"]
    numbers = test["attributes"]["race"]
    alike = replace(
        member,
        splits={
            **member.splits,
            "test": {
                **test,
                "by_class": [{**item, "value": 1.0} for item in test["by_class"]],
                "attributes": {"race": {**numbers, "groups": [numbers["groups"][0]] * 2}},
            },
        },
    )
    said = f"{losses(findings, alike)} {ratios_in_words(findings, alike, 'race')[0]}"
    for words in (
        "equally often in every group of race: ",
        ", in every group of race.",
        "Its accuracy is the same in every group of race, ",
        "of every group of race.",
    ):
        assert words in said
    assert not re.search("least often|most often|is lowest|a ratio of", said)
    said = losses(replace(findings, record=replace(findings.record, attributes={})), alike)
    assert "recognises every class equally often: 100.0" in said


def test_a_gap_within_noise_is_called_so() -> None:
    findings = read_front("compas")
    member = findings.focus
    numbers = member.splits["test"]["attributes"]["race"]
    small = {**numbers, "eod": {**numbers["eod"], "value": 0.02}}
    test = {**member.splits["test"], "attributes": {**member.splits["test"]["attributes"], "race": small}}
    assert "is within noise" in losses(findings, replace(member, splits={**member.splits, "test": test}))


def test_whom_the_network_fails_that_is_advised_is_said() -> None:
    """On COMPAS the first paragraph speaks for the network without a teacher, and so does the third."""
    findings = read_front("compas")
    nds = findings.nds_of(findings.focus)
    assert nds is not None
    assert opening(findings)[2] == losses(findings, nds)
    assert opening(findings)[2].startswith(
        "The network mlp-8 without teacher recognises examples of class '1'"
    )
    traded = read_front("adult")
    assert opening(traded)[2] == losses(traded, traded.focus)


def test_the_network_that_is_advised_has_a_folder_where_the_most_accurate_student_was_not_picked() -> None:
    findings = read_front("compas")
    first, picked = sorted(findings.members, key=lambda m: -m.value("accuracy"))[:2]
    assert findings.focus.id == first.id
    nds, name = findings.baselines[-1], "nds-mlp-4"
    assert nds.id == "nds-mlp-8"
    other = replace(picked, architecture="mlp-4", exported=True)
    beside = replace(nds, id=name, architecture="mlp-4", exported=True)
    members = tuple(other if m.id == picked.id else replace(m, exported=False) for m in findings.members)
    baselines = (*(replace(b, exported=False) for b in findings.baselines), beside)
    found = replace(findings, members=members, baselines=baselines)
    assert found.focus.id == picked.id
    assert found.advised.id == found.to_load == name
    assert f"(folder {name})" in opening(found)[0]
    assert opening(found)[2].startswith("The network mlp-4 without teacher ")


def test_a_baseline_that_dominates_a_student_on_test_is_named_beside_it() -> None:
    findings = read_front("compas")
    rows = dict(zip((m.id for m in findings.members), front_table(findings).rows, strict=False))
    for member in findings.members:
        beside = rows[member.id][0]
        said = "" if isinstance(beside, str) else beside[1]
        for other in findings.models:
            no_worse = other.value("accuracy") >= member.value("accuracy") and other.value(
                "eod"
            ) <= member.value("eod")
            same = (other.value("accuracy"), other.value("eod")) == (
                member.value("accuracy"),
                member.value("eod"),
            )
            assert (short(other) in said) == (no_worse and not same), (member.id, other.id)
    assert rows["t0041"][0] == ("t0041", "dominated on test by mlp-8 without teacher")


def test_of_many_that_dominate_a_student_a_few_are_named() -> None:
    findings = read_front("compas")
    worst = findings.members[-1]
    values = {**worst.splits["test"]["values"], "accuracy": 0.1, "eod": 0.9}
    worst = replace(
        worst, splits={**worst.splits, "test": {**worst.splits["test"], "values": values}}, exported=True
    )
    shown = front_table(replace(findings, members=(*findings.members[:-1], worst))).rows[6][0]
    assert shown == (worst.id, "dominated on test by t0041, t0046, t0043 and 5 more")


def test_a_bound_on_a_share_is_written_as_shares_are() -> None:
    assert "with accuracy ≥ 59.9\N{NO-BREAK SPACE}%" in front_in_words(read_front("compas"))


def test_one_student_is_no_students() -> None:
    findings = read_front("compas")
    one = replace(findings, trials=findings.trials[findings.trials["state"] == "done"][:1], seeds=3)
    assert front_in_words(one).startswith(
        "Of 1 student trained to the end and of its 3 further seeds, 7 are on"
    )
    assert " students trained to the end and of their 1 further seed, " in front_in_words(
        replace(findings, seeds=1)
    )


def test_every_cell_can_stand_alone_on_a_phone(pages: dict[str, str]) -> None:
    for written in pages.values():
        assert written.count("<td ") == written.count('role="cell" data-head="')
        assert 'data-head=""' not in written


@needs_chromium
def test_nothing_is_wider_than_a_phone(pages: dict[str, str], tmp_path: Path) -> None:
    for name, written in pages.items():
        assert laid_out(written, 390, tmp_path) == (0, 0), name


@needs_chromium
@pytest.mark.parametrize("width", [390, 1280])
def test_long_names_of_classes_and_groups_leave_room_for_the_numbers(
    drawn: dict[str, Picture], width: int, tmp_path: Path
) -> None:
    findings = read_front("compas")
    written = page(findings, [drawn["compas"]], GROUPS)
    cell = r'<td [^>]*class="text"><span>'
    for k, name in enumerate(("Female", *findings.record.classes, *findings.record.attributes["race"])):
        longer = f"{'a name as long as a sentence ' * 3}{'x' * 60}{k}"
        place = rf"({cell}|taken for |class ){re.escape(name)}(?=[<\"])"
        written = re.sub(place, lambda match, longer=longer: match[1] + longer, written)
    assert written.count("x" * 60) > 20
    assert laid_out(written, width, tmp_path) == (0, 0)


def test_the_whole_page_speaks_of_the_model_that_it_advises(pages: dict[str, str]) -> None:
    """On COMPAS that is the network without a teacher: its groups, its confusions, its folder."""
    findings = read_front("compas")
    nds = findings.nds_of(findings.focus)
    assert findings.advised is nds
    assert nds is not None
    said = text_of(pages["compas"])
    groups = said[said.index("Groups: race") : said.index("Gaps and ratios over race")]
    assert groups.startswith("Groups: race The network mlp-8 without teacher recognises")
    assert f"with {findings.focus.id}" not in groups
    assert "Which class mlp-8 without teacher takes for which" in said
    [everybody] = [
        row for row in confusion_table(findings, "", "all").rows if row[0] == findings.record.classes[1]
    ]
    found = findings.confusion
    found = found[
        (found["id"] == nds.id) & (found["group"] == "all") & (found["class"] == findings.record.classes[1])
    ]
    assert [int(str(n).replace(",", "")) for n in everybody[1:]] == found["n"].tolist()
    assert f'load_student("{nds.id}")' in said
    traded = read_front("adult")
    assert traded.advised is traded.focus
    assert f'load_student("{traded.focus.id}")' in text_of(pages["adult"])


def test_what_students_change_is_said_of_the_network_that_is_advised_instead() -> None:
    findings = read_front("compas")
    nds = findings.advised
    sure = findings.comparisons.by_class
    sure = sure[(sure["role"] == "nds") & sure["beyond_noise"]]
    lines = class_changes_in_words(findings, nds)
    told = list(dict.fromkeys(sure["id"]))[:6]
    assert told, "the case is there"
    for _, row in sure[sure["id"].isin(told)].iterrows():
        word = "gains" if row["difference"] > 0 else "loses"
        [line] = [line for line in lines if line.startswith(f"With {row['id']} instead, beyond noise: ")]
        assert f"'{row['class']}' {word} {abs(100 * row['difference']):.1f} point" in line
    unsure = findings.comparisons.by_class.assign(beyond_noise=False)
    same = replace(findings, comparisons=replace(findings.comparisons, by_class=unsure))
    assert class_changes_in_words(same, nds) == [
        "No student of the front changes how many answers are right in any class beyond noise."
    ]


def test_a_student_that_breaks_a_bound_does_not_contradict_the_first_sentence() -> None:
    """It may be better than its NDS, as the table says, and is not advised all the same."""
    findings = read_front("compas")
    last = findings.members[-1].id
    better = replace(
        with_differences(
            findings, last, "nds", lambda d: replace(d, better=d.objective == "eod" or d.better)
        ),
        recommendation=Recommendation("none", None, (), {last: "breaks accuracy ≥ 60.0 % on test"}),
    )
    said = opening(better)[0]
    assert said.startswith("None of the 6 usable students on the front is better than")
    assert f"{last} is not usable: it breaks accuracy ≥ 60.0 % on test." in said


def test_of_dpd_the_first_paragraphs_say_whom_a_class_is_given_to() -> None:
    findings = read_front("adult")
    assert "It gives class '>50K' to " in opening(findings)[2]
    assert "It gives class" not in opening(read_front("compas"))[2]


def test_groups_of_two_attributes_are_told_apart() -> None:
    table = pandas.DataFrame(
        {"id": "t0000", "attribute": ["young", "male"], "group": "yes", "n": 9, "accuracy": [0.5, 0.75]}
    )
    assert [row[1] for row in groups_table(table).rows] == ["young: yes", "male: yes"]
    assert [row[1] for row in groups_table(table[:1]).rows] == ["yes"]
    assert len(set(group_rates.names_of(["age<25", "age>25", "age*25"]).values())) == 3


def test_the_caption_of_the_front_says_what_the_figure_has() -> None:
    findings = read_front("compas")
    assert "The line joins" in front.caption(findings)
    three = replace(findings, objectives=(*findings.objectives, findings.objectives[0]))
    assert "The line joins" not in front.caption(three)
    assert "Grey dots" in front.caption(three)
    one = front.caption(replace(findings, objectives=findings.objectives[:1]))
    assert not re.search("The line joins|Grey dots|room for its name", one)


def test_the_hypervolume_of_a_front_without_values_on_test_is_undefined() -> None:
    findings = read_front("compas")
    nowhere = findings.optimistic & False
    written = page(replace(findings, optimistic=nowhere, pessimistic=nowhere), [picture_of(findings)], GROUPS)
    assert "On test it is undefined, because no student" in text_of(written)


def test_the_hypervolume_of_one_student_says_nothing(pages: dict[str, str]) -> None:
    findings = read_front("compas")
    alone = replace(
        findings,
        members=findings.members[:1],
        optimistic=findings.optimistic[:1],
        pessimistic=findings.pessimistic[:1],
    )
    assert "hypervolume" in text_of(pages["compas"])
    assert "hypervolume" not in text_of(page(alone, [picture_of(alone)], GROUPS))


def test_what_a_measure_of_one_s_own_means_stands_in_full_beside_an_axis() -> None:
    eod = Objective.parse("eod@city", {"city": ("a", "b")})
    assert axis_label(eod, two_lines=True) == "EOD over city,\npercentage points (lower is better)"
    meaning = "Largest share of a group's deserving applicants that are refused although they would pay."
    own = replace(eod, measure=replace(eod.measure, name="worst_refusal", meaning=meaning))
    for two_lines, longest in ((True, 48), (False, 80)):
        label = axis_label(own, two_lines=two_lines)
        assert max(map(len, label.splitlines())) <= longest
        assert " ".join(label.split()) == f"worst refusal over city, {meaning[:-1]} (lower is better)"
