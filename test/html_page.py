"""Checks that pages are well formed and load nothing: every tag is closed in order, ids are unique,
no address, no src=, no url(), the scripts are two, and the JSON inside parses.

usage: html_page.py FILE...
"""
import html.parser
import json
import re
import sys

VOID = {"meta", "br", "hr", "img", "input", "link"}


class Page(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.ids, self.wrong, self.scripts, self.charts = [], set(), [], [], []

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        if tag not in VOID:
            self.open.append(tag)
        if "id" in attributes:
            if attributes["id"] in self.ids:
                self.wrong.append(f"id {attributes['id']} twice")
            self.ids.add(attributes["id"])
        for name, value in attributes.items():
            if name in ("src", "href", "xlink:href", "action", "srcset", "data") or name.startswith("on"):
                self.wrong.append(f"<{tag} {name}={value}>")
        if "data-csv" in attributes:
            self.charts.append(attributes["data-csv"])
        if tag == "script":
            self.scripts.append([attributes.get("type"), ""])

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        self.handle_endtag(tag)

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.wrong.append(f"</{tag}> closes something else")

    def handle_data(self, data):
        if self.open and self.open[-1] == "script":
            self.scripts[-1][1] += data


def check(path):
    with open(path, encoding="utf-8") as f:
        text = f.read()
    page = Page()
    page.feed(text)
    page.close()
    wrong = page.wrong + [f"<{tag}> is not closed" for tag in page.open]
    markup = re.sub(r">[^<]*<", "><", text)  # addresses in texts are only text
    if re.search(r"https?://|url\(|@import|<link|<iframe|<img", markup):
        wrong.append("something is loaded")
    if not text.startswith("<!DOCTYPE html>"):
        wrong.append("no doctype")
    if [kind for kind, _ in page.scripts] != ["application/json", None]:
        wrong.append(f"scripts {[kind for kind, _ in page.scripts]}")
    else:
        json.loads(page.scripts[0][1])
    if re.search(r"https?:|fetch|import|XMLHttp", page.scripts[-1][1]):
        wrong.append("the script asks the network")
    if not page.charts or not set(page.charts) <= page.ids:
        wrong.append(f"buttons of {page.charts}")
    for line in wrong:
        print(f"{path}: {line}")
    return bool(wrong)


sys.exit(any([check(path) for path in sys.argv[1:]]))
