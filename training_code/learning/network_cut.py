"""Cut a backbone in two where fine-tuning begins: the frozen and the trainable part."""

from collections.abc import Collection
from dataclasses import dataclass

from torch import nn
from torch.fx import Graph, GraphModule, Node, Tracer

from network import blocks


class CannotCut(Exception):
    """A backbone cannot be cut in two; the message says why."""


@dataclass(frozen=True)
class Cut:
    """A backbone in two parts that share its layers: `moving(frozen(pictures))` is the whole.

    The layers keep their names, so that parameters are called the same in the whole and in a part.
    """

    frozen: nn.Module
    moving: nn.Module


def cut(backbone: nn.Module, unfrozen: Collection[nn.Module]) -> Cut:
    """Cut a backbone before the first of the `unfrozen` blocks; raise CannotCut if it cannot be.

    One tensor must lead from one part to the other, and the backbone's code must take the same path
    for all pictures.
    """
    leaves = {id(module) for block in blocks(backbone) for module in block}
    try:
        graph = _BlockTracer(leaves).trace(backbone)
    except Exception as error:  # code that branches on its input fails in its own ways
        raise CannotCut(f"the backbone's code cannot be followed ({error})") from error
    moving = _moving_nodes(graph, backbone, {id(module) for module in unfrozen})
    sources = {need for node in moving for need in node.all_input_nodes if need not in moving}
    between = [node for node in sources if node.op != "get_attr"]
    if len(between) != 1:
        raise CannotCut("more than one tensor leads from the frozen blocks to the others")
    frozen = GraphModule(backbone, _part_before(graph, between[0]))
    if next(frozen.parameters(), None) is None:
        raise CannotCut("no block is frozen")
    return Cut(frozen, GraphModule(backbone, _part_after(graph, moving | sources, between[0])))


class _BlockTracer(Tracer):
    """Takes blocks as they are and follows the code around them."""

    def __init__(self, leaves: Collection[int]) -> None:
        super().__init__()
        self._leaves = leaves

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return id(m) in self._leaves or super().is_leaf_module(m, module_qualified_name)


def _moving_nodes(graph: Graph, backbone: nn.Module, unfrozen: Collection[int]) -> set[Node]:
    """Return the calls of unfrozen blocks and all that is computed from them."""
    found: set[Node] = set()
    for node in graph.nodes:
        called = backbone.get_submodule(str(node.target)) if node.op == "call_module" else None
        if id(called) in unfrozen or any(need in found for need in node.all_input_nodes):
            found.add(node)
    return found


def _part_before(graph: Graph, last: Node) -> Graph:
    part = Graph()  # what else stands before `last` depends on no unfrozen block
    copies: dict[Node, Node] = {}
    for node in graph.nodes:
        copies[node] = part.node_copy(node, copies.__getitem__)
        if node is last:
            break
    part.output(copies[last])
    return part


def _part_after(graph: Graph, wanted: Collection[Node], start: Node) -> Graph:
    part = Graph()
    copies = {start: part.placeholder("activations")}
    for node in graph.nodes:
        if node in wanted and node is not start:
            copies[node] = part.node_copy(node, copies.__getitem__)
    return part
