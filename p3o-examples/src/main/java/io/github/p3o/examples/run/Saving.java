package io.github.p3o.examples.run;

import io.github.p3o.Resumable;
import io.github.p3o.train.Checkpoints;
import java.nio.file.Path;

/** Saves a training every few steps and when it is interrupted, and takes it up again. */
public final class Saving {

  /** With one to spare, should the newest be altered. */
  private static final int KEPT = 2;

  private final Run run;
  private final String stage;
  private final int every;
  private final Checkpoints checkpoints;

  private Saving(Run run, String stage, int every) {
    this.run = run;
    this.stage = stage;
    this.every = every;
    this.checkpoints = new Checkpoints(run.directory().resolve("checkpoints"), KEPT);
  }

  /** Saves a stage of a run every so many steps. */
  public static Saving every(int steps, String stage, Run run) {
    return new Saving(run, stage, steps);
  }

  /** Saves nothing: an interrupted stage ends early, and the run goes on to its end. */
  public static Saving never(String stage, Run run) {
    return new Saving(run, stage, 0);
  }

  /** If the run is resumed, gives a trainer its newest checkpoint, and drops later metrics. */
  public void begin(Resumable trainer) {
    if (every == 0 || !run.resumed()) {
      return;
    }
    Path from = checkpoints.resume(trainer);
    run.directory().keepBefore(stage, trainer.stepsDone());
    run.console()
        .note(
            from == null
                ? stage + ": no checkpoint yet, from the start"
                : stage + ": on from step " + trainer.stepsDone());
  }

  /**
   * Saves if it is time.
   *
   * @param steps of the whole stage
   * @return whether the run ends here, to be resumed later
   */
  public boolean endsAfterStep(Resumable trainer, long steps) {
    if (every == 0) {
      return false;
    }
    long done = trainer.stepsDone();
    boolean ends = run.stopped() && done < steps;
    if (ends || done % every == 0 || done == steps) {
      run.directory().flush();
      checkpoints.save(trainer);
    }
    if (ends) {
      run.interruptedAfter(done, steps);
    }
    return ends;
  }
}
