package io.github.p3o.eval;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.p3o.eval.Judge.Verdict;
import io.github.p3o.internal.Journal;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/** Verdicts on the disk, each with the reply that it was read from. */
final class VerdictCache implements AutoCloseable {

  private static final String HEADER = "P3O verdicts 1\n";
  private static final ObjectMapper JSON = new ObjectMapper();

  /** Of a reply, to be read by people. */
  private static final int MAX_REPLY = 2000;

  private final Journal journal;
  private final Map<String, Verdict> verdicts = new ConcurrentHashMap<>();

  private record Entry(String key, Verdict verdict, String reply) {}

  /** Opens or makes the file. */
  VerdictCache(Path file) {
    journal = Journal.open(file, HEADER);
    try {
      long position = journal.start();
      for (long i = 0; i < journal.records(); i++) {
        Journal.Entry record = journal.read(position);
        Entry entry = JSON.readValue(record.payload(), Entry.class);
        verdicts.put(entry.key(), entry.verdict());
        position = record.next();
      }
    } catch (IOException e) {
      journal.close();
      throw new UncheckedIOException(file + ": " + e.getMessage(), e);
    }
  }

  /** The verdict on a question, null if it was not asked. */
  @Nullable Verdict get(String key) {
    return verdicts.get(key);
  }

  /** Keeps a verdict; it is on the disk on return. */
  void put(String key, Verdict verdict, String reply) {
    String shown = reply.substring(0, Math.min(reply.length(), MAX_REPLY));
    try {
      String entry = JSON.writeValueAsString(new Entry(key, verdict, shown));
      journal.append(entry.getBytes(StandardCharsets.UTF_8), Long.MAX_VALUE);
    } catch (JsonProcessingException e) {
      throw new AssertionError(e); // texts alone
    }
    verdicts.put(key, verdict);
  }

  @Override
  public void close() {
    journal.close();
  }
}
