package io.github.p3o.testing;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import io.github.p3o.BatchShape;
import io.github.p3o.Parameters;
import io.github.p3o.Prompt;
import io.github.p3o.Response;
import io.github.p3o.TrainableRewardModel;
import io.github.p3o.internal.Ops;
import java.util.List;
import java.util.Map;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** A score for each of a finite set of responses to each of a finite set of contexts. */
public final class TabularRewardModel implements TrainableRewardModel {

  private static final String SCORES = "scores";
  private static final String CELLS = "cells";

  private final int choices;
  private final Parameters parameters;

  /** Scores of 0, in float64. */
  public TabularRewardModel(int contexts, int choices) {
    this.choices = choices;
    try (INDArray zeros = Nd4j.zeros(DataType.DOUBLE, (long) contexts * choices, 1)) {
      this.parameters = Parameters.copyOf(ImmutableMap.of(SCORES, zeros));
    }
  }

  private int cell(Prompt prompt, Response response) {
    return prompt.tokens().get(0) * choices + response.tokens().get(0);
  }

  @Override
  public Parameters parameters() {
    return parameters;
  }

  @Override
  public BatchShape shape(List<Prompt> prompts, List<Response> responses) {
    return BatchShape.of(prompts, responses, 2);
  }

  @Override
  public SDVariable build(BatchShape shape) {
    SameDiff graph = SameDiff.create();
    SDVariable scores = graph.placeHolder(SCORES, DataType.DOUBLE, parameters.count(), 1);
    SDVariable cells = graph.placeHolder(CELLS, DataType.INT32, shape.sequences());
    return Ops.reshape(Ops.rows(scores, cells), shape.sequences());
  }

  @Override
  public Map<String, INDArray> feed(
      BatchShape shape, List<Prompt> prompts, List<Response> responses) {
    int[] cells = new int[prompts.size()];
    for (int i = 0; i < cells.length; i++) {
      cells[i] = cell(prompts.get(i), responses.get(i));
    }
    return Map.of(CELLS, Nd4j.createFromArray(cells));
  }

  @Override
  public double[] score(ImmutableList<Prompt> prompts, ImmutableList<Response> responses) {
    double[] scores = new double[prompts.size()];
    for (int i = 0; i < scores.length; i++) {
      scores[i] = parameters.vector().getDouble(cell(prompts.get(i), responses.get(i)));
    }
    return scores;
  }

  @Override
  public void close() {
    parameters.close();
  }
}
