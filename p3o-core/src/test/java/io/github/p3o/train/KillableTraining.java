package io.github.p3o.train;

import io.github.p3o.train.SmallTraining.Kind;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * A process that trains every kind of trainer and saves each after each step. It says how many
 * steps were done before it began, takes a step for each byte that it reads, and says when each is
 * done; at the end it writes the parameters.
 */
public final class KillableTraining {

  static final int STEPS = 200;

  private KillableTraining() {}

  /**
   * Trains.
   *
   * @param args the directory of the run
   */
  public static void main(String[] args) throws Exception {
    Path run = Path.of(args[0]);
    List<SmallTraining> trainings = new ArrayList<>();
    List<Checkpoints> checkpoints = new ArrayList<>();
    for (Kind kind : Kind.values()) {
      SmallTraining training = SmallTraining.of(kind);
      Checkpoints ofKind = new Checkpoints(run.resolve(kind.name()), 2);
      ofKind.resume(training.trainer());
      trainings.add(training);
      checkpoints.add(ofKind);
    }
    // The last in the row is the one that a kill has left behind, if any.
    long done = trainings.get(trainings.size() - 1).trainer().stepsDone();
    System.out.println(done);
    for (long step = done + 1; step <= STEPS; step++) {
      for (int i = 0; i < trainings.size(); i++) {
        SmallTraining training = trainings.get(i);
        if (training.trainer().stepsDone() < step) { // a kill comes between the trainers, too
          if (i == 0 && System.in.read() < 0) {
            return;
          }
          training.step();
          checkpoints.get(i).save(training.trainer());
        }
      }
      System.out.println("step");
    }
    Files.writeString(run.resolve("parameters"), parameters(trainings));
  }

  static String parameters(List<SmallTraining> trainings) throws IOException {
    StringBuilder text = new StringBuilder();
    for (SmallTraining training : trainings) {
      text.append(Arrays.toString(training.parameters())).append('\n');
    }
    return text.toString();
  }
}
