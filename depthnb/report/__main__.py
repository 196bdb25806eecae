"""`python -m depthnb.report`: the page of all finished runs."""

from depthnb import runs
from depthnb.report import build

print(build(runs.reports_dir()))
