package io.github.p3o.internal;

import com.google.common.collect.ImmutableList;
import java.util.List;
import org.nd4j.autodiff.functions.DifferentialFunction;
import org.nd4j.autodiff.samediff.internal.SameDiffOp;

/**
 * One op of a program before it is planned.
 *
 * @param op with its arguments
 * @param inputs names of the variables that it reads
 * @param outputs names of the variables that it gives
 */
record Node(DifferentialFunction op, ImmutableList<String> inputs, ImmutableList<String> outputs) {

  static Node of(SameDiffOp op) {
    return new Node(
        op.getOp(),
        ImmutableList.copyOf(op.getInputsToOp()),
        ImmutableList.copyOf(op.getOutputsOfOp()));
  }

  String opName() {
    return op.opName();
  }

  String input(int index) {
    return inputs.get(index);
  }

  String output() {
    return outputs.get(0);
  }

  Node withInputs(List<String> names) {
    return new Node(op, ImmutableList.copyOf(names), outputs);
  }
}
