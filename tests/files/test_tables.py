"""Names stay text and numbers become numbers in every table that is read."""

import numpy as np
import pandas as pd
import pytest

from depthnb import files

WORDS = ["NA", "None", "null", "nan", "1e5", "007", "", "N/A", "-inf", "True", "café", "a,b", "1_000"]


def test_words_stay_words_and_numbers_are_numbers(tmp_path):
    table = pd.DataFrame(
        {"id": WORDS, "abs_rel": np.linspace(0, 1, len(WORDS)), "note": WORDS, "pixels": range(len(WORDS))}
    )
    table.loc[2, "abs_rel"] = np.nan
    table["nothing"] = np.nan
    table.to_csv(tmp_path / "table.csv", index=False, float_format="%.6g")
    again = files.read_table(tmp_path / "table.csv")
    assert again["id"].tolist() == again["note"].tolist() == WORDS
    assert again["pixels"].dtype == np.int64 and again["nothing"].isna().all() and again["nothing"].dtype == float
    np.testing.assert_allclose(again["abs_rel"], table["abs_rel"], rtol=1e-5)


@pytest.mark.parametrize("numbers", [[0.5, -2.0, 1e-05, 1e300], [1, -20, 0], [1e6, 2.5e-7], [0.1]])
def test_numbers_come_back_as_they_were_written(tmp_path, numbers):
    for options in ({}, {"float_format": "%.6g"}):
        pd.DataFrame({"x": numbers}).to_csv(tmp_path / "table.csv", index=False, **options)
        assert files.read_table(tmp_path / "table.csv")["x"].tolist() == numbers


def test_columns_named_text_are_text_whatever_they_hold(tmp_path):
    pd.DataFrame({"id": [1, 2], "drive": ["0001", "0002"], "n": [1, 2]}).to_csv(tmp_path / "table.csv", index=False)
    read = files.read_table(tmp_path / "table.csv", text=("id", "drive"))
    assert read["id"].tolist() == ["1", "2"] and read["drive"].tolist() == ["0001", "0002"] and read["n"].sum() == 3


def test_what_is_no_table_is_an_error(tmp_path):
    (tmp_path / "table.csv").write_bytes(b"")
    with pytest.raises(ValueError):
        files.read_table(tmp_path / "table.csv")
    (tmp_path / "table.csv").write_bytes(b"id\n\xff\xfe\n")
    with pytest.raises(ValueError):
        files.read_table(tmp_path / "table.csv")
    with pytest.raises(OSError):
        files.read_table(tmp_path / "nowhere.csv")
