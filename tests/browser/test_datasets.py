"""Data sets: uploaded by hand, looked at, trained on."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.complaints import Complaints
from tests.stack import Stack

LEAVES = "length,width,kind\n" + "\n".join(
    f"{1 + i / 10},{i % 5},{'oak' if i % 2 else 'elm'}" for i in range(40)
)


@pytest.fixture(autouse=True)
def _expected(complaints: Complaints) -> None:
    """The browser notes every answer from 400 on; here they are asked for."""
    complaints.expect("409|422")


def choose(page: Page, file: Path, *, task: str = "classification") -> None:
    page.goto("/datasets")
    page.get_by_label("file").set_input_files(file)
    page.get_by_label("task").select_option(task)


def test_a_file_is_uploaded_previewed_trained_on_and_then_kept(
    page: Page, stack: Stack, tmp_path: Path
) -> None:
    file = tmp_path / "leaves.csv"
    file.write_text(LEAVES, encoding="utf-8")
    choose(page, file)
    expect(page.get_by_label("target")).to_have_value("kind")
    expect(page.get_by_label("name")).to_have_value("leaves")
    page.get_by_role("button", name="Upload").click()

    page.wait_for_url(re.compile("/datasets/dat_"))
    columns = page.get_by_role("table", name="Statistics of the columns")
    expect(columns.get_by_role("row").nth(1)).to_contain_text("kind target")
    # From 1.0 to 4.9, of which the mean is 2.95.
    expect(columns.get_by_role("row", name="length")).to_contain_text("4.9")
    expect(columns.get_by_role("row", name="length")).to_contain_text("2.95")
    classes = page.get_by_role("table", name="Examples by class")
    expect(classes.get_by_role("row", name="elm")).to_contain_text("20 (50 %)")

    first = page.get_by_role("table", name="First examples")
    expect(first.get_by_role("row").nth(0)).to_have_text("lengthwidthkind")
    expect(first.get_by_role("row").nth(2)).to_have_text("1.11oak")
    expect(first.get_by_role("row")).to_have_count(11)

    page.get_by_role("link", name="Train on it").click()
    plan = page.get_by_role("region", name="Plan")
    expect(plan).to_contain_text("Parameters")
    page.fill('[name="/epochs"]', "1")
    page.get_by_role("button", name="Submit job").click()
    page.wait_for_url(re.compile("/jobs/job_"))
    job_id = page.url.rsplit("/", 1)[-1]
    assert stack.job(job_id)["spec"]["dataset"]["examples"] == 40

    page.goto("/datasets")
    page.get_by_role("link", name="leaves").click()
    page.get_by_role("button", name="Delete").click()
    expect(page.locator("main .said")).to_contain_text("use")
    assert stack.http.get(page.url.replace("/datasets", "/v1/datasets")).status_code == 200


def test_an_unused_data_set_is_deleted(page: Page, stack: Stack, tmp_path: Path) -> None:
    file = tmp_path / "spare.csv"
    file.write_text("x,y\n1,2\n2,4.5\n3,5\n4,8\n", encoding="utf-8")
    choose(page, file, task="regression")
    page.get_by_role("button", name="Upload").click()
    page.wait_for_url(re.compile("/datasets/dat_"))
    gone = page.url.replace("/datasets", "/v1/datasets")
    expect(page.get_by_role("table", name="Examples by class")).to_have_count(0)
    page.get_by_role("button", name="Delete").click()
    page.wait_for_url(re.compile("/datasets$"))
    assert stack.http.get(gone).status_code == 404


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (("torn.csv", "x,y\n1,2\n3\n"), "Line 3"),
        (("formula.csv", "x,y\n1,=cmd()\n2,b\n"), "="),
        (("notes.txt", "x,y\n1,2\n"), "ends in none of"),
        (("empty.csv", ""), "Say which column"),
    ],
)
def test_a_file_that_is_refused_is_explained(
    page: Page, stack: Stack, tmp_path: Path, content: tuple[str, str], says: str
) -> None:
    name, text = content
    before = stack.http.get("/v1/datasets").json()
    file = tmp_path / name
    file.write_text(text, encoding="utf-8")
    choose(page, file)
    page.get_by_role("button", name="Upload").click()
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("Not uploaded")
    expect(alert).to_contain_text(says)
    assert stack.http.get("/v1/datasets").json() == before


def test_a_new_job_offers_the_uploads_and_a_loss_that_fits_them(
    page: Page, stack: Stack, tmp_path: Path
) -> None:
    body = "a,b\n" + "\n".join(f"{i},{i * 2}" for i in range(30))
    made = stack.http.post(
        "/v1/datasets",
        params={"task": "regression", "target": "b", "name": "line"},
        content=body,
        headers={"Content-Type": "text/csv"},
    )
    made.raise_for_status()
    page.goto("/jobs/new")
    page.select_option('[name="/dataset/name"]', "upload")
    chosen = page.locator('[name="/dataset/dataset_id"]')
    offered = page.locator(f"datalist#{chosen.get_attribute('list')} option")
    assert made.json()["id"] in offered.evaluate_all("all => all.map(one => one.value)")
    chosen.fill(made.json()["id"])
    chosen.press("Tab")
    expect(page.locator('[name="/loss/name"]')).not_to_have_value("cross_entropy")
    expect(page.get_by_role("region", name="Plan")).to_contain_text("Parameters")
