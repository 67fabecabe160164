"""Command `intertwine dock`: predict the complex of two rigid proteins."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from intertwine._errors import UsageError
from intertwine.cli._console import console, show_line
from intertwine.cli._origin import page_origin

if TYPE_CHECKING:
    from intertwine.tasks.dock import DockingResult
    from intertwine.tasks.dock.equidock import DockPredictor

SUCCESS = 0


def dock(
    ligand: Annotated[str, typer.Argument(metavar="LIGAND", help="PDB or mmCIF file of the protein to move.")],
    receptor: Annotated[str, typer.Argument(metavar="RECEPTOR", help="PDB or mmCIF file of the protein that stays.")],
    output: Annotated[
        str | None,
        typer.Option("--output", "-o", metavar="FOLDER", help="Complexes, scores and a page.", show_default=False),
    ] = None,
    models: Annotated[int, typer.Option(help="Largest number of complexes.")] = 10,
    level: Annotated[int, typer.Option(help="Grid of rotations, 0 .. 6: from 63 down to 9 degrees.")] = 4,
    spacing: Annotated[float, typer.Option(metavar="ANGSTROM", help="Lattice of translations.")] = 2.0,
    refined: Annotated[int, typer.Option(help="Poses of the grid that are refined.")] = 200,
    potential: Annotated[
        str | None, typer.Option(metavar="FILE", help="Fitted potential (JSON).", show_default=False)
    ] = None,
    checkpoint: Annotated[
        str | None,
        typer.Option(metavar="RUN", help="Trained network (fit dock) instead of the search.", show_default=False),
    ] = None,
) -> int:
    """Predict the complex of two rigid proteins by an exhaustive search over rotations and translations."""
    if checkpoint is not None and potential is not None:
        raise UsageError("--potential cannot be given with --checkpoint: a network docks without a potential")
    from intertwine.tasks import check_output_folder
    from intertwine.tasks.dock import DockingOptions, DockingPotential, read_structure
    from intertwine.tasks.dock import dock as dock_structures

    options = DockingOptions(models=models, level=level, spacing=spacing, refined=refined)
    if output is not None:
        check_output_folder(Path(output))
    predictor = None if checkpoint is None else _trained(checkpoint)
    table = DockingPotential.load(None if potential is None else Path(potential))
    screen, remarks, structures = console(), [], []
    for name in (ligand, receptor):
        structure, found = read_structure(name)
        structures.append(structure)
        chains = len(set(structure.chains.tolist()))
        atoms = len(structure.atom_names)
        sizes = (structure.residues, "residue"), (atoms, "atom"), (chains, "chain")
        show_line(screen, name, ", ".join(f"{count:,} {what}{'s' * (count != 1)}" for count, what in sizes))
        remarks += [f"{name}: {remark}" for remark in found]
    for remark in remarks:
        show_line(screen, "note", remark)
    if predictor is not None:
        result = predictor.dock(*structures)
    else:
        result = dock_structures(structures[0], structures[1], options, table)
    if not result.models:
        raise UsageError("no complex was found: the search returned no pose")
    count = len(result.models)
    show_line(screen, "docked", f"{count} complex{'es' * (count != 1)} in {result.seconds:.0f} s")
    if result.models[0].clashes:
        show_line(screen, "note", "every complex has clashing alpha carbons: the proteins may not fit as rigid bodies")
    for rank, model in enumerate(result.models[:5], 1):
        score = f"score {model.score:.2f}, " if model.score is not None else ""
        show_line(screen, f"model {rank}", f"{score}{len(model.contacts)} contacts, {model.clashes} clashes")
    if output is not None:
        _write(Path(output), result, remarks, page_origin([ligand, receptor, checkpoint]))
        show_line(screen, "written", output)
    return SUCCESS


def _trained(checkpoint: str) -> DockPredictor:
    """The network of a checkpoint."""
    from intertwine.tasks import load
    from intertwine.tasks.dock.equidock import DockPredictor

    predictor = load(checkpoint)
    if not isinstance(predictor, DockPredictor):
        raise UsageError(f"--checkpoint {checkpoint} is no model of this task: train one with intertwine fit dock")
    return predictor


def _write(folder: Path, result: DockingResult, remarks: list[str], origin: list[tuple[str, str]]) -> None:
    from intertwine.tasks import output_folder
    from intertwine.tasks.dock import complex_pdb, write_page, write_scores_csv, write_scores_json

    with output_folder(folder) as new:
        for rank, model in enumerate(result.models, 1):
            moved = result.ligand.moved(model.rotation, model.translation)
            (new / f"model-{rank}.pdb").write_text(complex_pdb(moved, result.receptor), encoding="utf-8")
        write_scores_csv(new / "scores.csv", result)
        write_scores_json(new / "scores.json", result)
        write_page(new / "complexes.html", result, remarks, origin)
