"""The application database: tables, migrations, unit of work, and plain functions per topic that never commit."""
