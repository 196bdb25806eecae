"""What notebook 09 quotes: works on GANs for depth that the documents cite."""

from depthnb.studies import gan as study


def test_the_references_are_those_of_the_documents():
    table = study.precedents()
    assert table["year"].tolist() == [2017, 2018] and table.iloc[:, -1].all()
    assert len(study.PRECEDENTS) == len(table)
