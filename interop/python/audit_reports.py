"""The forms of an audit's report, read as their readers read them: SARIF by the schema of OASIS, iCalendar, Prometheus' text, JUnit's
XML, and HTML by a parser that forgives nothing."""

import datetime
import json
import pathlib
import re

import html5lib
import icalendar
import junitparser
from prometheus_client.parser import text_string_to_metric_families
from sarif_kit.validate import validation_errors

from counting import check, done, part, setting

FOLDER = pathlib.Path(setting("REPORTS"))
SHOWN = "orders-sync"
HOSTILE = "evil.example"


def text(name, run="first"):
    return (FOLDER / run / name).read_bytes().decode()


REPORT = json.loads(text("report.json"))
FINDINGS = REPORT["findings"]
COUNTED = [one for one in FINDINGS if "accepted" not in one]
GRAVE = [one for one in COUNTED if one["severity"] != "note"]
check("there is something to report", len(GRAVE) > 2 and len(FINDINGS) == len(COUNTED) + 1, FINDINGS)


def sarif():
    log = json.loads(text("a.sarif"))
    errors = validation_errors(log)
    check("SARIF is valid by the schema", errors == [], errors)
    run = log["runs"][0]
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    results = run["results"]
    check("SARIF has every finding", [one["ruleId"] for one in results] == [one["rule"] for one in FINDINGS])
    check("each result names its rule twice over", all(rules[one["ruleIndex"]] == one["ruleId"] for one in results))
    suppressed = [one for one in results if one.get("suppressions")]
    check("what is accepted is suppressed", [one["ruleId"] for one in suppressed] == ["KH101"], suppressed)
    # The schema is held against what it must refuse, so that its silence means something.
    results[0]["level"] = "grave"
    run["surprise"] = True
    check("the schema does refuse", len(validation_errors(log)) == 2, validation_errors(log))


def events(run):
    calendar = icalendar.Calendar.from_ical((FOLDER / run / "a.ics").read_bytes())
    check(f"the calendar of the {run} run is whole", calendar.errors == [] and calendar.get("version") == "2.0", calendar.errors)
    return {str(event["uid"]): event for event in calendar.walk("VEVENT")}


def calendar():
    first, second = events("first"), events("second")
    raw = (FOLDER / "first" / "a.ics").read_bytes()
    check("lines end as they must and are short", all(len(line) <= 75 and b"\n" not in line for line in raw.split(b"\r\n")))
    check("events keep their ids from run to run", set(first) == set(second) and len(first) >= 3, [list(first), list(second)])
    for run in (first, second):
        for uid, event in run.items():
            check(f"{uid} has no errors", event.errors == [], event.errors)
    ends = {
        str(held["id"]): datetime.datetime.fromisoformat(held["ends"]).date()
        for application in REPORT["applications"] for held in application["credentials"] if held.get("ends")
    }
    mine = [event for event in first.values() if SHOWN in str(event["summary"])]
    check("there is one event of the application", len(mine) == 1, [str(one["summary"]) for one in first.values()])
    start = mine[0].decoded("dtstart")
    day = start.date() if isinstance(start, datetime.datetime) else start
    expected = [
        ends[str(held["id"])] for application in REPORT["applications"] if application["name"] == SHOWN
        for held in application["credentials"]
    ]
    check("it is on the day on which the secret ends", [day] == expected, [day, expected])
    alarms = [alarm.decoded("trigger") for alarm in mine[0].walk("VALARM")]
    check("it rings 30 and 7 days before", sorted(alarms) == [datetime.timedelta(-30), datetime.timedelta(-7)], alarms)
    hostile = [event for event in first.values() if HOSTILE in str(event["summary"])]
    check("a name with line ends is one value", len(hostile) == 1 and "END:VCALENDAR" in str(hostile[0]["summary"]), hostile)


def prometheus():
    families = {family.name: family for family in text_string_to_metric_families(text("a.prom"))}
    check("each metric has a type and a help", all(one.type == "gauge" and one.documentation for one in families.values()), [
        (one.name, one.type) for one in families.values() if one.type != "gauge" or not one.documentation])
    found = sum(sample.value for sample in families["keyholder_audit_findings"].samples)
    check("as many findings count as do", found == len(COUNTED), [found, len(COUNTED)])
    accepted = sum(sample.value for sample in families["keyholder_audit_findings_accepted"].samples)
    check("as many are accepted", accepted == 1, accepted)
    ends = families["keyholder_credential_expiry_timestamp_seconds"].samples
    mine = [sample for sample in ends if SHOWN in sample.labels.values()]
    check("the secret's end is a sample", len(mine) == 1 and mine[0].value > 1e9, ends)
    check("a name with quotes is one label", sum(HOSTILE in str(sample.labels) for sample in ends) == 1, ends)
    keys = [(sample.name, tuple(sorted(sample.labels.items()))) for one in families.values() for sample in one.samples]
    check("no sample is there twice", len(keys) == len(set(keys)))


def junit():
    xml = junitparser.JUnitXml.fromfile(str(FOLDER / "first" / "a.xml"))
    suites = list(xml)
    cases = [case for suite in suites for case in suite]
    kinds = [type(case.result[0]).__name__ if case.result else "passed" for case in cases]
    check("grave findings fail", kinds.count("Failure") == len(GRAVE), kinds)
    check("accepted ones are skipped", kinds.count("Skipped") == 1, kinds)
    said = (xml.tests, xml.failures, xml.errors, xml.skipped)
    xml.update_statistics()
    counted = (xml.tests, xml.failures, xml.errors, xml.skipped)
    check("it counts what it has", said == counted == (len(cases), len(GRAVE), 0, 1), [said, counted])
    names = [(case.classname, case.name) for case in cases]
    check("no case is there twice", len(names) == len(set(names)))


def page():
    source = text("a.html")
    document = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(source)
    elements = list(document.iter())
    tags = {element.tag for element in elements if isinstance(element.tag, str)}
    foreign = {"script", "link", "iframe", "object", "embed", "base", "form", "img", "audio", "video", "source"} & tags
    check("the page runs and fetches nothing", not foreign, foreign)
    attributes = [(name, value) for element in elements for name, value in element.attrib.items()]
    check("no attribute is a program", not [one for one in attributes if one[0].lower().startswith("on")])
    references = [value for name, value in attributes if name in ("href", "src", "action", "data", "srcset", "poster")]
    check("all references stay in the page", all(one.startswith("#") for one in references), references)
    ids = {value for name, value in attributes if name == "id"}
    check("and lead somewhere", {one[1:] for one in references} <= ids, references)
    style = "".join(element.text or "" for element in elements if element.tag == "style")
    check("its style fetches nothing", style and not re.search(r"url\(|@import|expression", style), style)
    refresh = [value for name, value in attributes if name == "http-equiv" and value.lower() == "refresh"]
    check("it stays where it is", not refresh)
    said = " ".join("".join(document.itertext()).split())
    check("the hostile name is a text among others", "<script src='https://evil.example/x.js'>" in said, said[:400])
    check("the finding is told", "The last credential of" in said and SHOWN in said, said[:400])


for read in (sarif, calendar, prometheus, junit, page):
    with part(read.__name__):
        read()
done()
