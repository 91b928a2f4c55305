package io.github.p3o.text;

/** What happens at a line of a data set that does not hold what it should. */
public enum MalformedLines {

  /** A {@link DataSetException} names file and line. */
  STOP,

  /** The line is passed over and counted, and a warning names file and line. */
  SKIP
}
