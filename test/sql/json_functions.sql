-- from_json reads values as the JSON reader does; get_json_object writes them as Jackson does.
-- conf spark.sql.session.timeZone=America/Los_Angeles
-- decimals: exponents, all digits, quoted ones; what does not fit is NULL
SELECT from_json('{"a":1e3}','a decimal(38,10)') x, from_json('{"a":-1E-10}','a decimal(38,10)') y, from_json('{"a":9999999999999999999999999999.9999999999}','a decimal(38,10)') z, from_json('{"a":"1.5"}','a decimal(38,10)') q;
SELECT from_json('{"a":1.7e9}','a decimal(3,0)') x, from_json('{"a":3.4e39}','a decimal(3,0)') y;
SELECT from_json(to_json(named_struct('a', CAST('-0.0000000001' AS DECIMAL(38,10)))), 'a decimal(38,10)') x;
-- numbers as timestamps, no floats as integers, names of doubles that are not finite
SELECT from_json('{"a":1704067200}','a timestamp') x, from_json('{"a":1.0}','a int') y, from_json('{"a":NaN}','a double') z, from_json('{"a":-Infinity}','a float') q, from_json('{"a":"Infinity"}','a double') r;
SELECT from_json('{"a":"2024-01-01T10:00:00Z"}','a timestamp_ntz') x, from_json('{"a":"YWJj"}', 'a binary') y;
-- malformed, or not
SELECT from_json('{"a":01}','a int') x, from_json('{"a":1.}','a double') y, from_json('{"a":1}x','a int') z, from_json("{'a':'q'}",'a string') q, from_json('{"a":1,"b":"\\x"}','a int, b string') r;
SELECT from_json('', 'a int') x, from_json(' \n', 'a int') y, from_json('null', 'a int') z, from_json('[{"a":1}]', 'a int') q, from_json('1', 'array<int>') r, from_json('null', 'map<string,int>') s;
-- an object as an array of one
SELECT from_json('{"a":1}','array<struct<a:int>>') x, from_json('{"a":"x"}','array<struct<a:int>>') y, from_json('[{"a":1},{"a":"x"},null]','array<struct<a:int>>') z, from_json('[1,"x"]','array<int>') q;
-- what is no string becomes one as it is copied; a NULL beside it stays
SELECT from_json('{"a": {"b": 1.00, \'c\' : [1e2, -0, null, true]}, "d": 1.50}', 'a string, d string, e string') x;
SELECT from_json(j, 'a int, b array<struct<c:string,d:map<string,double>>>') FROM VALUES ('{"a":1,"b":[{"c":"x","d":{"k":1e1}},{"d":{}}]}'), (NULL), ('{"b":[]}'), ('{"a":"no","b":[{"c":5}]}'), ('{"a":1,"b":') t(j);
SELECT from_json(j, 'a int, s struct<t:string>').s.t FROM VALUES ('{"a":1,"s":{"t":"a string that is longer than twelve"}}'), ('{"s":null}'), ('x'), ('{"s":{"t":"\\u00e4"}}') t(j);
-- options
SELECT from_json('{"t":"26/08/2015","d":"1.2.24"}', 't timestamp, d date', map('timestampFormat', 'dd/MM/yyyy', 'DATEFORMAT', 'd.M.yy')) x;
SELECT from_json('{"t":"2024-01-02 03:04:05"}', 't timestamp', map('timeZone', 'UTC')) x;
SELECT from_json('{"a":01}', 'a int', map('allowNumericLeadingZeros', 'true')) x, from_json('{a:1/*!*/}', 'a int', map('allowUnquotedFieldNames', 'true', 'allowComments', 'true')) y, from_json("{'a':1}", 'a int', map('allowSingleQuotes', 'false')) z, from_json('{"a":NaN}', 'a double', map('allowNonNumericNumbers', 'false')) q;
SELECT from_json(j, 'a int, _corrupt_record string') FROM VALUES ('{"a":1,"_corrupt_record":"in"}'), ('{"a":"x"}'), ('{"a":') t(j);
SELECT from_json('{"a":', 'a int, bad string', map('columnNameOfCorruptRecord', 'bad')) x;
SELECT from_json('{"a":1}', 'a int', map('mode', 'FAILFAST')) x;
SELECT from_json('{"a":"x"}', 'a int', map('mode', 'FAILFAST')) x;
SELECT from_json('[{"a":1}]', 'a int', map('mode', 'FAILFAST')) x;
SELECT from_json('{"a":1}', 'a int', map('mode', 'DROPMALFORMED')) x;
SELECT from_json('{"a":1}', 'a int', map('mode', 1)) x;
SELECT from_json('{"a":1}', 'a int', 'mode') x;
SELECT from_json('{"a":1}', 'int') x;
SELECT from_json('{"a":1}', 'map<int,int>') x;
SELECT from_json('{"a":1}', 'a int, _corrupt_record int') x;
SELECT from_json('{"a":1}', ' ') x;
-- paths: numbers as Jackson writes them, single quotes, control characters, text behind the value
SELECT get_json_object('{"a":1.00}','$.a') x, get_json_object('[100.0,200.000,351.980]','$') y, get_json_object('{"a":1e2}','$.a') z, get_json_object('{"a":[-0, 123456789012345678901234567890, 1e400]}','$.a') q;
SELECT get_json_object("{'a':'A'}",'$.a') x, get_json_object('{"a":"1\t2"}','$.a') y, get_json_object('{"a":1} x','$.a') z, get_json_object('{"a":1','$.a') q, get_json_object('{"a":1, "b": 01}','$.a') r;
SELECT get_json_object('[{"a":"b"},{"a":"c"}]', '$[*].a') x, get_json_object('[{"a":"b"},{"c":0}]', '$[*].a') y, get_json_object('[[1,[2]],[3,null]]', '$[*][*]') z, get_json_object('{"a":[{"b":[1,2]},{"b":[3]}]}', '$.a[*].b[*]') q, get_json_object('[[1,2],[3]]', '$[0][*]') r, get_json_object('[[1],[3]]', '$[1][*]') s;
SELECT get_json_object('{"a":null}', '$.a') x, get_json_object('{"a":null,"a":2}', '$.a') y, get_json_object('{"a b":{"c":"d\\ne"}}', "$['a b']") z, get_json_object('[1]', '$[1]') q, get_json_object('{"a":1}', '$.*') r, get_json_object('{"a":1}', 'a') s;
SELECT json_array_length('[1,[2,3],{"a":[]}] x') x, json_array_length("['a']") y, json_array_length('[1,') z, json_array_length('{}') q, json_array_length('[]') r;
SELECT json_object_keys("{'a':1, \"b c\":{\"d\":2}} x") x, json_object_keys('{}') y, json_object_keys('[1]') z, json_object_keys('{"a":1') q;
