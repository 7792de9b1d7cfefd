"""The text of `cases.json`."""

import json


def one_case_a_line(cases: dict[str, list]) -> str:
    lists = []
    for key, listed in cases.items():
        lines = ",\n".join("    " + json.dumps(case, ensure_ascii=False) for case in listed)
        lists.append(f"  {json.dumps(key)}: [\n{lines}\n  ]")
    return "{\n" + ",\n".join(lists) + "\n}\n"
