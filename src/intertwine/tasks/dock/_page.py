"""A page on which predicted complexes can be turned, colored by chain and by contacts."""

from __future__ import annotations

import json
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from intertwine._page import heading, page, paragraph, table
from intertwine.tasks.dock._dock import DockedModel, DockingResult
from intertwine.tasks.dock._structure import Structure
from intertwine.tasks.dock._writing import chain_names

RECEPTOR_COLORS = ("#4878d0", "#3f9aa8", "#6a5acd", "#5a9e6f", "#7f8fb3")
LIGAND_COLORS = ("#d98c3f", "#d1495b", "#b8a03a", "#c26fa8", "#a8653f")
MAX_BREAK = 4.5
"""Consecutive alpha carbons further apart than this are not joined, in angstrom."""


def write_page(
    path: Path, result: DockingResult, remarks: list[str] | None = None, origin: Sequence[tuple[str, str]] = ()
) -> None:
    """Write a self-contained HTML page.

    Args:
        path: The file.
        result: Of docking.
        remarks: Lines about the input to show.
        origin: Rows of a table about the run: labels and texts.
    """
    names = chain_names(result.ligand, result.receptor)
    receptor = _trace(result.receptor, names["receptor"], RECEPTOR_COLORS)
    ligand = _trace(result.ligand, names["ligand"], LIGAND_COLORS)
    center = result.receptor.alpha_carbon_coordinates.mean(0)
    receptor["points"] = np.round(result.receptor.alpha_carbon_coordinates - center, 2).tolist()
    models = [_model(result, model, center) for model in result.models]
    data = json.dumps({"receptor": receptor, "ligand": ligand, "models": models}, separators=(",", ":"))
    columns = {
        "model": [str(rank) for rank in range(1, len(result.models) + 1)],
        "score": [f"{model.score:.2f}" for model in result.models if model.score is not None],
        "contacts": [str(len(model.contacts)) for model in result.models],
        "clashes": [str(model.clashes) for model in result.models],
    }
    shown = [name for name, texts in columns.items() if texts]
    rows = [*zip(*(columns[name] for name in shown), strict=True)]
    body = [
        paragraph(f"{result.ligand.name} on {result.receptor.name}"),
        _viewer(data, len(models)),
        _legend(receptor, ligand),
        heading("Models"),
        table(shown, rows),
        paragraph(
            "Contacts are pairs of residues with heavy atoms nearer than 5 angstrom, clashes pairs of alpha carbons "
            "nearer than 3." + (" Scores compare complexes of the same two proteins." if "score" in shown else "")
        ),
        *[paragraph(remark) for remark in remarks or []],
        *([heading("Run"), table(("", ""), origin)] if origin else []),
    ]
    path.write_text(page("Docked complexes", body), encoding="utf-8")


def _trace(structure: Structure, names: dict[str, str], colors: tuple[str, ...]) -> dict[str, Any]:
    """What the drawing needs of one protein: a color for each alpha carbon, which are joined, and labels."""
    residues = structure.residue_of_atom[structure.alpha_carbons]
    chains = structure.chains[residues]
    order = {chain: i for i, chain in enumerate(dict.fromkeys(chains.tolist()))}
    steps = np.linalg.norm(np.diff(structure.alpha_carbon_coordinates, axis=0), axis=1)
    joined = (steps < MAX_BREAK) & (chains[1:] == chains[:-1])
    return {
        "colors": colors,
        "chains": [names[chain] for chain in order],
        "chain": [order[chain] for chain in chains.tolist()],
        "joined": joined.astype(int).tolist(),
    }


def _model(result: DockingResult, model: DockedModel, center: Any) -> dict[str, Any]:
    moved = result.ligand.moved(model.rotation, model.translation)
    sides = []
    for side, structure in enumerate((result.ligand, result.receptor)):
        contacts = {pair[side] for pair in model.contacts}
        residues = structure.residue_of_atom[structure.alpha_carbons].tolist()
        sides.append([i for i, residue in enumerate(residues) if residue in contacts])
    points = np.round(moved.alpha_carbon_coordinates - center, 2).tolist()
    return {"points": points, "ligand": sides[0], "receptor": sides[1]}


def _legend(receptor: dict[str, Any], ligand: dict[str, Any]) -> str:
    items = []
    for side, trace in (("receptor", receptor), ("ligand", ligand)):
        for i, chain in enumerate(trace["chains"]):
            color = trace["colors"][i % len(trace["colors"])]
            items.append(f'<span style="color:{color}">&#9632;</span> {side} {escape(chain)}')
    return f"<p>{' &nbsp; '.join(items)} &nbsp; &#9679; residues in contact</p>"


def _viewer(data: str, models: int) -> str:
    options = "".join(f'<option value="{i}">model {i + 1}</option>' for i in range(models))
    safe = data.replace("</", "<\\/")
    return (
        f'<figure><select id="model" aria-label="model">{options}</select>'
        '<canvas id="complex" style="width:100%;height:30rem;touch-action:none;cursor:grab"></canvas>'
        "<figcaption>Drag to turn, scroll to zoom.</figcaption></figure>"
        f'<script type="application/json" id="data">{safe}</script>\n<script>{_SCRIPT}</script>'
    )


_SCRIPT = """
const data = JSON.parse(document.getElementById("data").textContent);
const canvas = document.getElementById("complex"), select = document.getElementById("model");
let R = [[1, 0, 0], [0, 1, 0], [0, 0, 1]], zoom = 1, held = null;
function product(A, B) {
  return A.map(row => [0, 1, 2].map(j => row[0] * B[0][j] + row[1] * B[1][j] + row[2] * B[2][j]));
}
function place(points, center) {
  return points.map(p => { const q = [p[0] - center[0], p[1] - center[1], p[2] - center[2]];
    return R.map(row => row[0] * q[0] + row[1] * q[1] + row[2] * q[2]); });
}
function pieces(trace, points, contacts, out) {
  const color = i => trace.colors[trace.chain[i] % trace.colors.length];
  trace.joined.forEach((joined, i) => {
    if (joined) out.push({ z: (points[i][2] + points[i + 1][2]) / 2, a: points[i], b: points[i + 1],
      color: color(i) });
  });
  const lone = points.map((p, i) => i).filter(i => !trace.joined[i] && !(i && trace.joined[i - 1]));
  contacts.concat(lone).forEach(i => out.push({ z: points[i][2], a: points[i], color: color(i) }));
}
function draw() {
  const ratio = window.devicePixelRatio || 1, width = canvas.clientWidth, height = canvas.clientHeight;
  canvas.width = width * ratio; canvas.height = height * ratio;
  const pen = canvas.getContext("2d"); pen.scale(ratio, ratio); pen.lineCap = "round";
  const model = data.models[+select.value];
  const all = data.receptor.points.concat(model.points);
  const center = [0, 1, 2].map(k => all.reduce((s, p) => s + p[k], 0) / all.length);
  const distance = p => Math.hypot(p[0] - center[0], p[1] - center[1], p[2] - center[2]);
  const reach = all.reduce((r, p) => Math.max(r, distance(p)), 8);
  const scale = zoom * Math.min(width, height) / (2.1 * reach), out = [];
  pieces(data.receptor, place(data.receptor.points, center), model.receptor, out);
  pieces(data.ligand, place(model.points, center), model.ligand, out);
  out.sort((p, q) => p.z - q.z);
  for (const piece of out) {
    const depth = Math.min(1, Math.max(0, (piece.z / reach + 1) / 2));
    pen.globalAlpha = 0.3 + 0.7 * depth; pen.strokeStyle = pen.fillStyle = piece.color;
    const x = width / 2 + scale * piece.a[0], y = height / 2 - scale * piece.a[1];
    pen.beginPath();
    if (piece.b) { pen.lineWidth = Math.max(1.2, scale * (0.5 + 0.5 * depth)); pen.moveTo(x, y);
      pen.lineTo(width / 2 + scale * piece.b[0], height / 2 - scale * piece.b[1]); pen.stroke(); }
    else { pen.arc(x, y, Math.max(2, scale * (1.0 + 0.4 * depth)), 0, 7); pen.fill(); }
  }
}
canvas.addEventListener("pointerdown", e => { held = [e.clientX, e.clientY]; canvas.setPointerCapture(e.pointerId); });
canvas.addEventListener("pointerup", () => { held = null; });
canvas.addEventListener("pointermove", e => {
  if (!held) return;
  const a = (e.clientX - held[0]) / 150, b = (e.clientY - held[1]) / 150; held = [e.clientX, e.clientY];
  R = product([[Math.cos(a), 0, Math.sin(a)], [0, 1, 0], [-Math.sin(a), 0, Math.cos(a)]], R);
  R = product([[1, 0, 0], [0, Math.cos(b), -Math.sin(b)], [0, Math.sin(b), Math.cos(b)]], R); draw();
});
canvas.addEventListener("wheel", e => {
  e.preventDefault(); zoom *= Math.exp(-e.deltaY / 600); draw();
}, { passive: false });
select.addEventListener("change", draw); window.addEventListener("resize", draw); draw();
"""
