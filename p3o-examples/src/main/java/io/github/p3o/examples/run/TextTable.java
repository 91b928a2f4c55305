package io.github.p3o.examples.run;

import static com.google.common.base.Preconditions.checkArgument;

import com.google.common.base.Strings;
import com.google.common.collect.ImmutableList;
import java.util.ArrayList;
import java.util.List;

/** A table for terminals, and the same as Markdown or HTML. */
public final class TextTable {

  private final ImmutableList<String> header;
  private final List<ImmutableList<String>> rows = new ArrayList<>();

  public TextTable(String... header) {
    this.header = ImmutableList.copyOf(header);
  }

  /** Adds a row of one cell for each column. */
  public void add(String... cells) {
    checkArgument(
        cells.length == header.size(), "cells: expected %s, got %s", header.size(), cells.length);
    rows.add(ImmutableList.copyOf(cells));
  }

  /** The column titles. */
  ImmutableList<String> header() {
    return header;
  }

  /** The rows so far. */
  ImmutableList<ImmutableList<String>> rows() {
    return ImmutableList.copyOf(rows);
  }

  /** Columns padded to equal width: the first to the left, numbers to the right. */
  @Override
  public String toString() {
    StringBuilder text = new StringBuilder();
    appendRow(text, header);
    int[] widths = widths();
    for (int i = 0; i < widths.length; i++) {
      text.append(i == 0 ? "" : "  ").append("-".repeat(widths[i]));
    }
    text.append('\n');
    rows.forEach(row -> appendRow(text, row));
    return text.toString();
  }

  /** The same as Markdown. */
  public String markdown() {
    StringBuilder text = new StringBuilder();
    appendMarkdown(text, header);
    text.append("|---|").append("---:|".repeat(header.size() - 1)).append('\n');
    rows.forEach(row -> appendMarkdown(text, row));
    return text.toString();
  }

  private static void appendMarkdown(StringBuilder text, List<String> cells) {
    text.append("| ").append(String.join(" | ", cells)).append(" |\n");
  }

  private void appendRow(StringBuilder text, List<String> cells) {
    int[] widths = widths();
    for (int i = 0; i < widths.length; i++) {
      text.append(i == 0 ? "" : "  ")
          .append(
              i == 0
                  ? Strings.padEnd(cells.get(i), widths[i], ' ')
                  : Strings.padStart(cells.get(i), widths[i], ' '));
    }
    text.append('\n');
  }

  private int[] widths() {
    int[] widths = header.stream().mapToInt(String::length).toArray();
    for (ImmutableList<String> row : rows) {
      for (int i = 0; i < widths.length; i++) {
        widths[i] = Math.max(widths[i], row.get(i).length());
      }
    }
    return widths;
  }
}
