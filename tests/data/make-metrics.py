#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes metrics/metrics.json, metrics/several.json and metrics/calibration.json: results of
scikit-learn, SciPy and NumPy for made-up predictions. tests/trainer/test-metrics.c,
test-calibration.c and test-evaluation.c read them. Made with scikit-learn 1.9.1, SciPy 1.17.1 and
NumPy 2.4.6 (several.json: scikit-learn 1.2.1):

    python3 -m venv venv && venv/bin/pip install scikit-learn
    venv/bin/python tests/data/make-metrics.py
"""

import json
import pathlib

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax
from sklearn import metrics

OUT = pathlib.Path(__file__).parent / "metrics"


# ---- metrics


def scores(truth, predicted, average=None, labels=None):
    p, r, f, _ = metrics.precision_recall_fscore_support(
        truth, predicted, average=average, labels=labels, zero_division=0
    )
    return {"precision": p, "recall": r, "f1": f}


def metrics_case(names, truth, predicted):
    every = list(range(len(names)))
    occurring = sorted(set(truth) | set(predicted))
    classes = scores(truth, predicted, labels=every)
    return {
        "names": names,
        "truth": [int(x) for x in truth],
        "predicted": [int(x) for x in predicted],
        "accuracy": metrics.accuracy_score(truth, predicted),
        "confusion": metrics.confusion_matrix(truth, predicted, labels=every).tolist(),
        "classes": [{k: float(v[i]) for k, v in classes.items()} for i in every],
        "macro": scores(truth, predicted, "macro"),
        "weighted": scores(truth, predicted, "weighted"),
        # Where nothing is right, scikit-learn prints counts as 2.0: an accident that nobody should
        # repeat.
        "report": (
            None
            if all(t != p for t, p in zip(truth, predicted))
            else metrics.classification_report(
                truth,
                predicted,
                labels=occurring,
                target_names=[names[i] for i in occurring],
                digits=4,
                zero_division=0,
            )
        ),
    }


def metrics_cases():
    random = np.random.default_rng(7)
    cows = [
        "Drinking",
        "Feeding head down",
        "Feeding head up",
        "Lying",
        "Standing",
        "Walking",
        "frontal_pushing",
        "gallop",
        "leap",
    ]
    # Class 8 is never true and predicted once, 3 is never predicted, 7 neither.
    truth = random.choice([0, 1, 2, 3, 4, 5, 6], 400, p=[0.3, 0.2, 0.15, 0.1, 0.1, 0.1, 0.05])
    predicted = np.where(random.random(400) < 0.6, truth, random.choice([0, 1, 2, 4, 5, 6], 400))
    predicted[truth == 3] = 0
    predicted[17] = 8
    two = random.integers(0, 2, 50)
    thirty = random.integers(0, 30, 3000)
    wrong = random.random(3000) < 0.4
    return {
        "nine": metrics_case(cows, truth.tolist(), predicted.tolist()),
        "two": metrics_case(
            ["no", "a much longer name than the average's"],
            two.tolist(),
            np.where(random.random(50) < 0.8, two, 1 - two).tolist(),
        ),
        "thirty": metrics_case(
            [f"c{i}" for i in range(30)],
            thirty.tolist(),
            np.where(wrong, random.integers(0, 30, 3000), thirty).tolist(),
        ),
        "all wrong": metrics_case(["a", "b", "c"], [0, 0, 1, 2], [1, 2, 2, 0]),
        "one class": metrics_case(["a", "b"], [1, 1, 1], [1, 1, 1]),
    }


# ---- calibration

BINS = 15


def ece(probabilities, truth):
    """Guo et al.'s expected calibration error over bins (i / 15, (i + 1) / 15]."""
    confidence, right = probabilities.max(1), probabilities.argmax(1) == truth
    index = np.clip(np.ceil(confidence * BINS).astype(int) - 1, 0, BINS - 1)
    return float(
        sum(
            (index == b).mean() * abs(confidence[index == b].mean() - right[index == b].mean())
            for b in range(BINS)
            if (index == b).any()
        )
    )


def cut(probabilities, positive, target):
    """The smallest probability taken, precision and recall of the best cut."""
    precision, recall, thresholds = metrics.precision_recall_curve(positive, probabilities)
    precision, recall = precision[:-1], recall[:-1]
    if target > 0:
        best = int(
            np.flatnonzero(precision >= target)[0]
        )  # thresholds rise, so that this is the lowest
    else:
        f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-300)
        best = len(f1) - 1 - int(np.argmax(f1[::-1]))  # the highest of equals
    return {
        "smallest": float(thresholds[best]),
        "precision": float(precision[best]),
        "recall": float(recall[best]),
    }


def calibration():
    random = np.random.default_rng(11)
    n, classes = 300, 4
    logits = np.round(random.normal(0, 3, (n, classes)), 4).astype(np.float32)
    guess = logits[:, :3].argmax(1)
    truth = np.where(
        random.random(n) < 0.7, guess, random.integers(0, 3, n)
    )  # class 3 is never true
    wide = logits.astype(np.float64)

    def loss(t):
        return float(-log_softmax(wide / t, 1)[np.arange(n), truth].mean())

    temperature = float(
        minimize_scalar(
            lambda x: loss(np.exp(x)), bounds=(-3, 3), method="bounded", options={"xatol": 1e-12}
        ).x
    )
    temperature = float(np.exp(temperature))
    before, after = softmax(wide, 1), softmax(wide / temperature, 1)
    return {
        "logits": [[float(f"{v:.4f}") for v in row] for row in logits],
        "truth": truth.tolist(),
        "temperature": temperature,
        "log_loss": {"before": loss(1), "after": loss(temperature)},
        "ece": {"before": ece(before, truth), "after": ece(after, truth)},
        "best_f1": [cut(after[:, c], truth == c, 0) for c in range(3)],
        "precision_0.8": [cut(after[:, c], truth == c, 0.8) for c in range(3)],
    }


# ---- several labels a picture


def several_case(truth, scores, threshold):
    """Classes of which no picture shows one are not among these: scikit-learn counts them as 0."""
    predicted = (scores >= threshold).astype(int)
    p, r, f, _ = metrics.precision_recall_fscore_support(truth, predicted, zero_division=0)
    return {
        "shown": truth.tolist(),
        "scores": [[float(f"{v:.4f}") for v in row] for row in scores],
        "threshold": threshold,
        "average_precision": metrics.average_precision_score(truth, scores, average=None).tolist(),
        "mean_average_precision": metrics.average_precision_score(truth, scores, average="macro"),
        "precision": p.tolist(),
        "recall": r.tolist(),
        "f1": f.tolist(),
        "macro": metrics.f1_score(truth, predicted, average="macro", zero_division=0),
        "micro": metrics.f1_score(truth, predicted, average="micro", zero_division=0),
        "exact_match": metrics.accuracy_score(truth, predicted),
        "hamming_loss": metrics.hamming_loss(truth, predicted),
        # [[true negatives, false positives], [false negatives, true positives]]
        "counts": metrics.multilabel_confusion_matrix(truth, predicted).tolist(),
    }


def several():
    random = np.random.default_rng(13)
    truth = (random.random((200, 5)) < [0.5, 0.2, 0.05, 0.8, 0.3]).astype(int)
    scores = np.round(2 * truth - 1 + random.normal(0, 1.2, truth.shape), 1)  # with equals
    rare = np.zeros((40, 2), int)
    rare[3] = 1
    return {
        "five": several_case(truth, scores, 0.2),
        "none said": several_case(truth, scores, 100.0),
        "rare": several_case(rare, np.round(random.normal(0, 1, rare.shape), 4), 0.0),
    }


OUT.mkdir(exist_ok=True)
(OUT / "metrics.json").write_text(json.dumps(metrics_cases(), separators=(",", ":")) + "\n")
(OUT / "several.json").write_text(json.dumps(several(), separators=(",", ":")) + "\n")
(OUT / "calibration.json").write_text(json.dumps(calibration(), separators=(",", ":")) + "\n")
