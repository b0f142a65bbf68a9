package com.acme;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.springframework.kafka.core.DefaultKafkaConsumerFactory;
import org.springframework.kafka.core.DefaultKafkaProducerFactory;
import org.springframework.kafka.core.KafkaTemplate;
import org.springframework.kafka.support.serializer.JsonDeserializer;
import org.springframework.kafka.support.serializer.JsonSerializer;

/**
 * Spring's template, serializer and deserializer, with the type in the header {@code __TypeId__}.
 *
 * <pre>
 * SpringService.java write BROKERS TOPIC        sends the orders on standard input
 * SpringService.java read BROKERS TOPIC COUNT   prints so many orders
 * </pre>
 *
 * A line is {@code {"key": ..., "order": {...}}}; the key may be null. What is read has the object's class as its `type` besides.
 */
public class SpringService {
    private static final ObjectMapper JSON = new ObjectMapper();

    public static void main(String[] args) throws Exception {
        // Where Spring looks for the class that a header names: a program that is started from its source has a loader of its own.
        Thread.currentThread().setContextClassLoader(SpringService.class.getClassLoader());
        if (args[0].equals("write")) {
            write(args[1], args[2]);
        } else {
            read(args[1], args[2], Integer.parseInt(args[3]));
        }
    }

    private static void write(String brokers, String topic) throws Exception {
        var factory = new DefaultKafkaProducerFactory<String, OrderCreated>(
                Map.of("bootstrap.servers", brokers), new StringSerializer(), new JsonSerializer<>(JSON));
        var template = new KafkaTemplate<>(factory);
        var lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            JsonNode order = JSON.readTree(line);
            String key = order.get("key").isNull() ? null : order.get("key").asText();
            template.send(topic, key, JSON.treeToValue(order.get("order"), OrderCreated.class)).get();
        }
        factory.destroy();
    }

    private static void read(String brokers, String topic, int count) throws Exception {
        var values = new JsonDeserializer<Object>(JSON);
        values.addTrustedPackages("com.acme");
        Map<String, Object> config = Map.of(
                "bootstrap.servers", brokers, "group.id", topic + "-spring", "auto.offset.reset", "earliest");
        var factory = new DefaultKafkaConsumerFactory<String, Object>(config, new StringDeserializer(), values);
        try (Consumer<String, Object> consumer = factory.createConsumer()) {
            consumer.subscribe(List.of(topic));
            for (int seen = 0; seen < count; ) {
                for (ConsumerRecord<String, Object> record : consumer.poll(Duration.ofSeconds(1))) {
                    ObjectNode line = JSON.createObjectNode();
                    line.put("type", record.value().getClass().getName()).put("key", record.key());
                    line.set("order", JSON.valueToTree(record.value()));
                    System.out.write(JSON.writeValueAsBytes(line));
                    System.out.println();
                    seen++;
                }
            }
        }
    }
}

class OrderCreated {
    public long id;
    public String customer;
    public long cents;
    public boolean express;
    public String note;
}
