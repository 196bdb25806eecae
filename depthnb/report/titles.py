"""Headings of the tables that the notebooks save: what a reader understands who has not opened the notebook."""

from __future__ import annotations

# name of a table's file -> its heading; where two notebooks share a name, it is true of both
TITLES = {
    "ablations": "One change at a time",
    "aligned": "After alignment with each image's truth",
    "alignment": "What alignment alone changes",
    "as_akondi": "Trained as Akondi trained",
    "baselines": "What a guess without the photograph scores",
    "beside_the_paper": "Beside the published numbers",
    "bridges": "What each bridge carries: the net with one of them cut",
    "by_texture": "Error by the texture of the picture",
    "comparison": "All methods",
    "cross_entropies": "What the cross-entropy of the document measures",
    "differences": "Pairs of methods: which difference is more than luck",
    "empty": "The empty picture, measured",
    "ensembles": "Several nets instead of one",
    "equal_budget": "The same number of steps and the same image size for all",
    "factors": "The factor that an answer lacks, and its spread",
    "failure_signs": "Signs of an adversarial training that fails",
    "forces": "Pull of content and of style at each start",
    "foundation": "A network that has seen millions of photographs",
    "generalisation": "Each net on both data sets",
    "grid": "The painting: weights, starts, layers and networks",
    "known": "What one measured distance is worth",
    "lenses": "What the camera is worth: longer lenses",
    "limits": "What the size of the output allows",
    "lookup": "Depth copied from the photograph that looks most alike",
    "loss_ranges": "Range of each loss in each unit",
    "loss_terms": "The terms of the loss by image size",
    "masks": "Errors with and without the mask",
    "metrics": "The measures on a small example",
    "mistakes": "What the usual mistakes do to a number",
    "nets": "Every net of the runs that trained several",
    "nyu_scene_types": "Scene types of NYU Depth V2",
    "over_rooms": "With the adversary against without it, over the test scenes",
    "parameters": "Weights of each backbone",
    "protocols": "One guess under several protocols",
    "published": "Published numbers",
    "published_networks": "Published networks beside ours",
    "reality": "On other data",
    "robustness": "Changed rooms and worse pictures",
    "runs": "Every run by itself",
    "scale": "The loss at a wrong scale",
    "scales": "Depth and mask at each scale",
    "scores": "Scores of the painted pictures",
    "set_ups": "Set-ups that paint an empty picture, and others",
    "sparsification": "Error that is left when the least sure pixels go",
    "summary": "The data: frames, scenes and depths",
    "surfaces": "Flat surfaces and edges",
    "table1": "Table 1 of the document, beside ours",
    "test_metrics": "All measures on the test frames",
    "third": "On other data",
    "transfer": "What weights that learnt before are worth: every run",
    "uncertainty": "Does the net know where it is wrong?",
    "views": "What if the camera is another one?",
    "walls": "Walls and edges",
    "weaknesses": "What the document complains of, measured",
    "wishes": "How far each candidate is from the style of a depth map",
    "with_and_without": "With and without the adversary",
}


def title(stem: str) -> str:
    """The heading of a table by the name of its file; what follows a hyphen there, such as a protocol, follows a colon here.

    >>> title("test_metrics"), title("comparison-rooms-scale-shift-inverse")
    ('All measures on the test frames', 'All methods: rooms, scale-shift-inverse')
    >>> title("reality-1"), title("my_own_table")
    ('On other data: 2', 'My own table')
    """
    name, _, rest = stem.partition("-")
    if name not in TITLES:
        words = stem.replace("_", " ")
        return words[:1].upper() + words[1:]
    if rest.isdecimal():
        rest = str(int(rest) + 1) if rest != "0" else ""
    elif name != "mistakes":  # those are named after a notebook
        dataset, _, aligned = rest.partition("-")
        rest = f"{dataset}, {aligned}" if aligned else dataset
    return f"{TITLES[name]}: {rest}" if rest else TITLES[name]
