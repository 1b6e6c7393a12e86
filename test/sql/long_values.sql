-- Values that are worked on in pieces: what lies at their borders, and what an outside library says of the whole.
SELECT lower(repeat('ΟΔΟΣ ', 300000)) = repeat(lower('ΟΔΟΣ '), 300000) AS a,
 upper(repeat('straße', 500000)) = repeat(upper('straße'), 500000) AS b,
 lower(repeat('ÄÖ', 800000)) = repeat('äö', 800000) AS c,
 length(upper(repeat('ß', 1000000))) AS d;
SELECT count(*) FROM (SELECT instr(concat(repeat('x', 4194304 - 8 + cast(id AS int)), 'needle'), 'needle') - id AS at FROM range(20)) WHERE at = 4194304 - 8 + 1;
SELECT count(*) FROM range(65530, 65545) WHERE length(repeat('ä', id)) = id AND length(lpad('b', id, 'xyz')) = id AND right(lpad('b', id, 'xyz'), 1) = 'b'
  AND reverse(repeat('äb', id)) = repeat('bä', id) AND crc32(repeat('a', id)) = crc32(concat(repeat('a', id - 1), 'a'))
  AND substring(repeat('aä', id), 2 * id - 1) = 'aä' AND initcap(repeat('aB', id)) = concat('Ab', repeat('ab', id - 1)) AND upper(repeat('ab', id)) = repeat('AB', id)
  AND unhex(hex(repeat('ab', id))) = binary(repeat('ab', id)) AND md5(repeat('a', id)) = md5(rpad('a', id, 'a'));
SELECT md5(repeat('abc', 1000000)), sha2(repeat('abc', 1000000), 256), crc32(repeat('abc', 1000000)), hash(repeat('abc', 100000));
SELECT array_sort(transform(sequence(1, 100002), x -> (x * 7919L) % 100003)) = sequence(1L, 100002L), size(array_distinct(transform(sequence(1,100000), x -> x % 1000))), sort_array(transform(sequence(1, 100000), x -> x % 1000), false)[0], sort_array(array(3, null, 1, 2), true), sort_array(array(3, null, 1, 2), false), array_sort(array(3, null, 1, 2));
SELECT percentile(id, 0.5), percentile(id, array(0.1, 0.9)), median(id * 7 % 100003) FROM range(100001);
SELECT is_valid_utf8(concat(repeat('ä', 100000), 'x')), is_valid_utf8(concat(repeat(X'c3a4', 100000), X'ff'));
