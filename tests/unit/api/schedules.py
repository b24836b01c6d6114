"""Schedules that keep and that break the rules of the CRD: for test_rules.py and the e2e tests."""

from tests.unit.api.good import pipeline

KEPT = [
    pipeline(schedule="0 3 * * *", timeZone="Europe/Berlin"),
    pipeline(schedule="*/15 8-17,20 LW jan-MAR mon#1,5L,7"),
]
BROKEN = {
    "a minute of 99": (pipeline(schedule="99 * * * *"), "spec.schedule", "minute (0-59)"),
    "a minute of 61": (pipeline(schedule="61 * * * *"), "spec.schedule", "minute (0-59)"),
    "a thirteenth month": (pipeline(schedule="0 3 1 13 *"), "spec.schedule", "month (1-12"),
    "a step of nothing": (pipeline(schedule="*/0 * * * *"), "spec.schedule", "minute (0-59)"),
    "zone without schedule": (pipeline(timeZone="UTC"), "spec.timeZone", "give schedule"),
}
