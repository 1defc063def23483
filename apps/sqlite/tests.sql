-- What SQLite asks of a system: a database in a file, journals, locks, temporary files, memory. Ends at the first error.
.bail on
.headers on
.mode list
.print journals
PRAGMA page_size = 4096;
CREATE TABLE item (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, price REAL CHECK (price >= 0), data BLOB);
CREATE INDEX item_price ON item (price);
BEGIN;
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000)
INSERT INTO item SELECT i, printf('item %05d', i), (i * 7919) % 10007 / 8.0, zeroblob(i % 300) FROM n;
COMMIT;
SELECT count(*), sum(price), sum(length(data)), min(name), max(name) FROM item;
BEGIN;
DELETE FROM item WHERE id % 3 = 0;
SELECT count(*) AS within FROM item;
ROLLBACK;
SELECT count(*) AS after FROM item;
SAVEPOINT outer; UPDATE item SET price = 0;
SAVEPOINT inner; DELETE FROM item; ROLLBACK TO inner;
SELECT count(*), sum(price) FROM item;
ROLLBACK TO outer; RELEASE outer;
PRAGMA integrity_check;

.print write-ahead log
PRAGMA journal_mode = wal;
UPDATE item SET price = price + 1 WHERE id <= 1000;
INSERT INTO item (name, price) VALUES ('last', 3.25) RETURNING id, price;
PRAGMA wal_checkpoint(TRUNCATE);
PRAGMA journal_mode = delete;

.print mapped
PRAGMA mmap_size = 1048576;
SELECT sum(price), count(DISTINCT price) FROM item;
PRAGMA mmap_size = 0;

.print queries
CREATE TABLE sale (item REFERENCES item (id) ON DELETE CASCADE, day TEXT, n INTEGER);
PRAGMA foreign_keys = on;
INSERT INTO sale SELECT id, date('2020-02-28', '+' || (id % 5) || ' days'), id % 7 FROM item WHERE id % 2;
SELECT day, count(*), sum(n * price) FROM sale JOIN item ON item.id = sale.item GROUP BY day ORDER BY day;
SELECT name, rank() OVER (ORDER BY price DESC, id) AS place FROM item ORDER BY place LIMIT 3;
DELETE FROM item WHERE id = 7;
SELECT count(*) FROM sale WHERE item = 7;
CREATE TRIGGER sold AFTER INSERT ON sale BEGIN UPDATE item SET price = price / 2 WHERE id = new.item; END;
INSERT INTO sale VALUES (1, '2020-01-01', 1);
SELECT id, price FROM item WHERE id = 1;
SELECT json_extract('{"a": [1, {"b": "deep"}]}', '$.a[1].b') AS json, hex(x'00ff') AS blob, round(2.675, 2), 9007199254740993;

.print temporary files
PRAGMA temp_store = file;
PRAGMA cache_size = 10;
CREATE TEMP TABLE large AS SELECT a.id, b.name FROM item a JOIN item b ON b.id BETWEEN a.id AND a.id + 9;
SELECT count(*) FROM (SELECT name, id FROM large ORDER BY name DESC, id);

.print files
ATTACH 'other.db' AS other;
CREATE TABLE other.copy AS SELECT * FROM item WHERE id < 100;
SELECT count(*) FROM other.copy;
DETACH other;
.backup 'backup.db'
.output dump.sql
.dump sale
.output
VACUUM;
PRAGMA integrity_check;
PRAGMA page_count;
.print all passed
