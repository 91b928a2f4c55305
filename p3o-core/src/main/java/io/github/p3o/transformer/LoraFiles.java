package io.github.p3o.transformer;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.google.common.collect.ImmutableMap;
import com.google.common.collect.ImmutableSet;
import com.google.common.primitives.ImmutableLongArray;
import io.github.p3o.Parameters;
import io.github.p3o.internal.AtomicFile;
import io.github.p3o.internal.StrictJson;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Adapters as Hugging Face's PEFT stores them: {@code adapter_config.json} and safetensors. */
final class LoraFiles {

  static final String CONFIG = "adapter_config.json";
  static final String TENSORS = "adapter_model.safetensors";

  /** The module that {@link DecoderTensors#SCORE} is the weight of. */
  private static final String HEAD = "score";

  private static final long MAX_BYTES = 1 << 20;

  /** Keys whose value changes nothing here: where it comes from, and how others train it. */
  private static final ImmutableSet<String> HARMLESS =
      ImmutableSet.of(
          "auto_mapping",
          "base_model_name_or_path",
          "fan_in_fan_out", // follows from the model
          "inference_mode",
          "lora_dropout",
          "megatron_core",
          "peft_version",
          "qalora_group_size",
          "revision",
          "task_type");

  private static final String MODULES_TO_SAVE = "modules_to_save";

  private static final ImmutableSet<String> READ =
      ImmutableSet.of(
          "peft_type",
          "r",
          "lora_alpha",
          "target_modules",
          "bias",
          "init_lora_weights",
          MODULES_TO_SAVE);

  /** What an adapted model is for, as PEFT names it. */
  enum Task {
    /** A language model. */
    CAUSAL_LM(ImmutableSet.of()),
    /** A reward model, whose head is trained too; PEFT looks for it under either name. */
    SEQ_CLS(ImmutableSet.of("classifier", HEAD));

    private final ImmutableSet<String> modulesToSave;

    Task(ImmutableSet<String> modulesToSave) {
      this.modulesToSave = modulesToSave;
    }

    /** Shapes by name of what is trained. */
    private ImmutableMap<String, ImmutableLongArray> shapes(
        DecoderTensors tensors, LoraConfig config) {
      ImmutableMap.Builder<String, ImmutableLongArray> shapes = ImmutableMap.builder();
      shapes.putAll(Adapter.shapes(tensors, config));
      if (this == SEQ_CLS) {
        shapes.put(DecoderTensors.SCORE, DecoderTensors.headShape(tensors.config()));
      }
      return shapes.buildOrThrow();
    }
  }

  private LoraFiles() {}

  /** The name in the file of something that is trained: the head's too has a part in front. */
  private static String inFile(String name) {
    return name.equals(DecoderTensors.SCORE) ? Adapter.PREFIX + name : name;
  }

  static Adapter read(Path directory, DecoderTensors tensors, Task task, DataType type) {
    if (!Files.exists(directory.resolve(CONFIG))) {
      throw CheckpointException.ofMissing(
          directory, "that of an adapter of PEFT's, " + CONFIG + " and " + TENSORS, CONFIG);
    }
    LoraConfig config = readConfig(directory.resolve(CONFIG), tensors, task);
    ImmutableMap<String, ImmutableLongArray> shapes = task.shapes(tensors, config);
    ImmutableSet<String> known =
        shapes.keySet().stream().map(LoraFiles::inFile).collect(ImmutableSet.toImmutableSet());
    try (SafeTensors source = SafeTensors.open(directory.resolve(TENSORS))) {
      for (String name : source.names()) {
        if (!known.contains(name)) {
          throw new CheckpointException(
              directory, "tensors: expected those of " + CONFIG + " for this model", name);
        }
      }
      shapes.forEach(
          (name, shape) -> DecoderParameters.checkShape(directory, source, inFile(name), shape));
      return new Adapter(
          config,
          Parameters.filled(type, shapes, (name, view) -> source.readInto(inFile(name), view)));
    }
  }

  private static LoraConfig readConfig(Path file, DecoderTensors tensors, Task task) {
    try {
      ObjectNode json = StrictJson.object(file, MAX_BYTES);
      refuseUnsupported(file, json);
      checkModulesToSave(file, json, task);
      JsonNode rank = json.path("r");
      JsonNode alpha = json.path("lora_alpha");
      if (!rank.isInt() || !alpha.isNumber()) {
        throw new CheckpointException(file, "r, lora_alpha: expected numbers", rank + ", " + alpha);
      }
      LoraConfig config =
          new LoraConfig(rank.intValue(), alpha.doubleValue(), targets(file, json, tensors));
      config.checkTargets(tensors);
      return config;
    } catch (IOException e) {
      throw new CheckpointException(file, "file: expected a JSON object, got " + e, e);
    } catch (IllegalArgumentException e) {
      throw new CheckpointException(file, String.valueOf(e.getMessage()), e);
    }
  }

  private static ImmutableSet<String> targets(Path file, ObjectNode json, DecoderTensors tensors) {
    JsonNode value = json.path("target_modules");
    ImmutableSet.Builder<String> names = ImmutableSet.builder();
    if (value.asText().equals("all-linear")) {
      tensors.layers().get(0).linears().forEach(linear -> names.add(linear.lastName()));
      return names.build();
    }
    for (JsonNode name : value) {
      if (!name.isTextual()) {
        throw new CheckpointException(file, "target_modules: expected names", name);
      }
      names.add(name.asText());
    }
    if (!value.isArray()) {
      throw new CheckpointException(file, "target_modules: expected a list of names", value);
    }
    return names.build();
  }

  /** A language model's adapter has none; a reward model's has the head. */
  private static void checkModulesToSave(Path file, ObjectNode json, Task task) {
    JsonNode value = json.path(MODULES_TO_SAVE);
    Set<String> saved = new HashSet<>();
    value.forEach(name -> saved.add(name.asText()));
    boolean none = value.isMissingNode() || value.isNull() || (value.isArray() && value.isEmpty());
    boolean holds =
        task == Task.CAUSAL_LM
            ? none
            : value.isArray() && saved.contains(HEAD) && task.modulesToSave.containsAll(saved);
    expect(
        file,
        json,
        MODULES_TO_SAVE,
        holds,
        task == Task.CAUSAL_LM ? "nothing for a language model" : "[\"score\"] for a reward model");
  }

  private static void refuseUnsupported(Path file, ObjectNode json) {
    expect(file, json, "peft_type", json.path("peft_type").asText().equals("LORA"), "\"LORA\"");
    JsonNode bias = json.path("bias");
    expect(file, json, "bias", bias.isMissingNode() || bias.asText().equals("none"), "\"none\"");
    JsonNode initial = json.path("init_lora_weights");
    // Other ways change the base model's weights too.
    boolean plain =
        initial.isMissingNode() || initial.isBoolean() || initial.asText().equals("gaussian");
    expect(file, json, "init_lora_weights", plain, "true, false or \"gaussian\"");
    for (String key : (Iterable<String>) json::fieldNames) {
      if (!HARMLESS.contains(key) && !READ.contains(key)) {
        JsonNode value = json.path(key);
        boolean off =
            value.isNull()
                || (value.isBoolean() && !value.asBoolean())
                || (value.isContainerNode() && value.isEmpty());
        expect(file, json, key, off, "nothing, as it is not supported");
      }
    }
  }

  private static void expect(
      Path file, ObjectNode json, String key, boolean holds, String expected) {
    if (!holds) {
      throw new CheckpointException(file, key + ": expected " + expected, json.path(key));
    }
  }

  static void write(Path directory, DecoderTensors tensors, Task task, Adapter adapter) {
    LoraConfig config = adapter.config();
    ObjectNode json = new ObjectMapper().createObjectNode();
    json.putNull("base_model_name_or_path");
    json.put("bias", "none");
    // PEFT asks for it where matrices lie the other way round.
    json.put("fan_in_fan_out", tensors.config().architecture() == Architecture.GPT2);
    json.put("inference_mode", true).put("init_lora_weights", true);
    if (config.alpha() == Math.rint(config.alpha())) {
      json.put("lora_alpha", (long) config.alpha());
    } else {
      json.put("lora_alpha", config.alpha());
    }
    json.put("lora_dropout", 0.0);
    if (task.modulesToSave.isEmpty()) {
      json.putNull(MODULES_TO_SAVE);
    } else {
      task.modulesToSave.forEach(json.putArray(MODULES_TO_SAVE)::add);
    }
    json.put("peft_type", "LORA").put("r", config.rank());
    ArrayNode targets = json.putArray("target_modules");
    config.targetModules().stream().sorted().forEach(targets::add);
    json.put("task_type", task.name());
    Path file = directory.resolve(CONFIG);
    try {
      Files.createDirectories(directory);
      AtomicFile.write(file, json.toPrettyString() + "\n");
    } catch (IOException e) {
      throw new CheckpointException(file, "file: expected to be writable, got " + e, e);
    }
    Map<String, INDArray> written = new HashMap<>();
    // A value head, which PPO trains beside the adapter, is none of a language model's.
    task.shapes(tensors, config)
        .keySet()
        .forEach(name -> written.put(inFile(name), adapter.parameters().get(name)));
    SafeTensorsWriter.write(directory.resolve(TENSORS), written, ImmutableMap.of("format", "pt"));
  }
}
