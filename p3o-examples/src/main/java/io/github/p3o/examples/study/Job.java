package io.github.p3o.examples.study;

import com.google.common.collect.ImmutableMap;
import io.github.p3o.examples.run.Run;

/**
 * A part of a study that has a directory of its own.
 *
 * @param path of the directory within the study's
 * @param settings all that its result depends on beside other jobs' results, by name
 * @param work does it
 */
record Job(String path, ImmutableMap<String, String> settings, Work work) {

  /** What a job does. */
  @FunctionalInterface
  interface Work {

    /** Does it in a new directory. */
    void run(Run run);
  }
}
