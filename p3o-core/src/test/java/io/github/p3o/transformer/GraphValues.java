package io.github.p3o.transformer;

import io.github.p3o.BatchShape;
import io.github.p3o.PolicyGraph;
import io.github.p3o.Prompt;
import io.github.p3o.Response;
import io.github.p3o.internal.Program;
import io.github.p3o.internal.Result;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Runs a policy's graph in a given shape. */
record GraphValues(TransformerPolicy policy) {

  double[] logProbs(BatchShape shape, List<Prompt> prompts, List<Response> responses) {
    PolicyGraph built = policy.build(shape);
    String output = built.logProbs().name();
    Map<String, INDArray> inputs = new HashMap<>(policy.feed(shape, prompts, responses));
    inputs.putAll(policy.parameters().asMap());
    try (Program program =
        Program.forward(built.graph(), policy.parameters().names(), List.of(output))) {
      return Result.array(program.run(inputs), output).toDoubleVector();
    }
  }
}
