"""Migration: steps and translations are planned, document by document, then applied from a journal, and can be undone."""
