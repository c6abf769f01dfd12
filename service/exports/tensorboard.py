"""TensorBoard event files, a folder for each run."""

from collections.abc import Iterable
from pathlib import Path

from service.exports.extras import load
from service.exports.runs import Run


def write_tensorboard(runs: Iterable[Run], folder: Path) -> int:
    """Writes each run into a folder of its own, in place of the event files that are there.
    TensorBoard keeps float32. Returns how many runs there were; raises ExtraMissing."""
    board = load("tensorboardX", library="tensorboardX", extra="tensorboard")
    protocol = load("tensorboardX.proto.summary_pb2", library="tensorboardX", extra="tensorboard")
    count = 0
    for run in runs:
        count += 1
        place = folder / run.label
        for old in place.glob("events.out.tfevents.*"):
            old.unlink()
        # Not its SummaryWriter, which complains about every NaN: here they are results.
        writer = board.FileWriter(str(place))
        ended = dict(zip(run.epochs["epoch"], run.times(), strict=True))
        spec = run.job.spec.model_dump_json(indent=2)
        writer.add_summary(board.summary.text("spec", f"```\n{spec}\n```"), 0)
        for name, epoch, value in run.scalars():
            scalar = protocol.Summary.Value(tag=name, simple_value=value)
            writer.add_summary(protocol.Summary(value=[scalar]), epoch, ended.get(epoch))
        writer.close()
    return count
