package io.github.p3o.bench;

import io.github.p3o.loss.P3OLoss;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/**
 * Times the library and PyTorch in turn in one process, so that both meet the same load: {@code
 * Turns CALLS WHAT...}, where WHAT is {@code step:M1}, {@code scores:M10}, {@code sampling:M40:64}
 * or {@code pairs:V2:4194304}. Prints medians of so many calls of each, least and greatest, and the
 * ratio of the medians; refuses what does not agree in value.
 */
public final class Turns {

  private static final int WARMUP = 3;

  private Turns() {}

  /** Measures each. */
  public static void main(String[] args) {
    if (args.length < 2) {
      throw new IllegalArgumentException(
          "expected CALLS step:SIZE|scores:SIZE|sampling:SIZE:SEQUENCES|pairs:FORM:PAIRS..., got "
              + String.join(" ", args));
    }
    int calls = Integer.parseInt(args[0]);
    List.of(args).subList(1, args.length).forEach(what -> measure(what, what.split(":"), calls));
  }

  private static void measure(String what, String[] parts, int calls) {
    switch (parts[0]) {
      case "step", "scores" -> {
        try (ModelTask task = new ModelTask(ModelSize.valueOf(parts[1]))) {
          if (parts[0].equals("step")) {
            inTurn(what, calls, task.difference(), task::libraryStep, task::pytorchStep);
          } else {
            inTurn(what, calls, task.difference(), task::libraryScores, task::pytorchScores);
          }
        }
      }
      case "sampling" -> {
        int sequences = Integer.parseInt(parts[2]);
        try (SamplingTask task = new SamplingTask(ModelSize.valueOf(parts[1]), sequences)) {
          inTurn(what, calls, task.difference(), task::library, task::pytorch);
        }
      }
      case "pairs" -> {
        P3OLoss.Form form = P3OLoss.Form.valueOf(parts[1]);
        try (PairTask task = new PairTask(form, Integer.parseInt(parts[2]))) {
          inTurn(what, calls, task.difference(), task::library, task::pytorch);
        }
      }
      default ->
          throw new IllegalArgumentException(
              "expected step, scores, sampling or pairs, got " + what);
    }
  }

  private static void inTurn(
      String what, int calls, double difference, Runnable library, Runnable peer) {
    if (!(difference < 1e-3)) {
      throw new IllegalStateException(
          what + ": expected equal values, they differ by " + difference);
    }
    double[] ours = new double[calls];
    double[] theirs = new double[calls];
    for (int i = -WARMUP; i < calls; i++) {
      double ofLibrary = milliseconds(library);
      double ofPeer = milliseconds(peer);
      if (i >= 0) {
        ours[i] = ofLibrary;
        theirs[i] = ofPeer;
      }
    }
    Arrays.sort(ours);
    Arrays.sort(theirs);
    System.out.printf(
        Locale.ROOT,
        "%-22s library %10.3f ms [%.3f, %.3f]  PyTorch %10.3f ms [%.3f, %.3f]  ratio %.2f%n",
        what,
        ours[calls / 2],
        ours[0],
        ours[calls - 1],
        theirs[calls / 2],
        theirs[0],
        theirs[calls - 1],
        ours[calls / 2] / theirs[calls / 2]);
  }

  private static double milliseconds(Runnable call) {
    long start = System.nanoTime();
    call.run();
    return (System.nanoTime() - start) / 1e6;
  }
}
