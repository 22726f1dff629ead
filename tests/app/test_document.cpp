#include "app/gui/autosave.h"

#include "app/gui/document.h"
#include "source_dir.h"

#include <QSignalSpy>
#include <QStandardPaths>
#include <QTemporaryDir>
#include <QTest>

#include <fstream>

using namespace gradloom;
using namespace gradloom::gui;

class TestDocument : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void initTestCase()
    {
        QStandardPaths::setTestModeEnabled(true);
        std::filesystem::remove_all(Autosave::folder());
    }
    void init() { QVERIFY(m_dir.isValid()); }

    void editUndoRedo()
    {
        Document document;
        QVERIFY(document.open(sample()).ok());
        const graph::Graph before = document.graph();
        QSignalSpy changed(&document, &Document::graphChanged);
        QVERIFY(document.edit({graph::RemoveNode{"dense_1"}, "Delete Dense"}).ok());
        QCOMPARE(document.undoStack().undoText(), QString("Delete Dense"));
        QVERIFY(document.isModified());
        QVERIFY(!document.graph().find("dense_1"));
        document.undoStack().undo();
        QVERIFY(document.graph() == before);
        QVERIFY(!document.isModified());
        document.undoStack().redo();
        QVERIFY(!document.graph().find("dense_1"));
        QCOMPARE(changed.count(), 3);
    }

    void typingIsOneStep()
    {
        Document document;
        QVERIFY(document.open(sample()).ok());
        const graph::Graph before = document.graph();
        for (int64_t filters : {4, 48})
            QVERIFY(
                document.edit({graph::SetParameter{"conv2d_1", "filters", filters}, "Change Filters"}, "a")
                    .ok());
        QCOMPARE(document.undoStack().count(), 1);
        QCOMPARE(document.analysis().nodes.at("conv2d_1").outputs[0].shape[2], int64_t(48));
        QVERIFY(document.edit({graph::SetParameter{"conv2d_2", "filters", int64_t(8)}, "Change Filters"}, "b")
                    .ok());
        QCOMPARE(document.undoStack().count(), 2);
        document.undoStack().undo();
        document.undoStack().undo();
        QVERIFY(document.graph() == before);
    }

    void refusedEditChangesNothing()
    {
        Document document;
        QVERIFY(document.open(sample()).ok());
        const graph::Graph before = document.graph();
        QVERIFY(!document.edit({graph::SetParameter{"conv2d_1", "filters", int64_t(0)}, "x"}).ok());
        QVERIFY(!document.edit({graph::RemoveNode{"nobody"}, "x"}).ok());
        QVERIFY(document.graph() == before);
        QCOMPARE(document.undoStack().count(), 0);
    }

    void settingsAreUndone()
    {
        Document document;
        QVERIFY(document.open(sample()).ok());
        const auto epochs = document.project().training.epochs;
        const auto set = [](int64_t value) {
            return [value](project::Project& p) { p.training.epochs = value; };
        };
        document.editProject("Change training", set(3), "epochs");
        document.editProject("Change training", set(31), "epochs");
        document.editProject("Change training", set(31), "epochs");
        QCOMPARE(document.undoStack().count(), 1);
        QVERIFY(document.edit({graph::RemoveNode{"dense_1"}, "Delete Dense"}).ok());
        document.undoStack().undo();
        document.undoStack().undo();
        QCOMPARE(document.project().training.epochs, epochs);
        QVERIFY(document.graph().find("dense_1"));
    }

    void saveAndLoad()
    {
        Document document;
        QVERIFY(document.open(sample()).ok());
        QVERIFY(document.edit({graph::SetParameter{"conv2d_1", "filters", int64_t(24)}, "x"}).ok());
        const auto path = file("saved.gradloom.json");
        QVERIFY(document.saveAs(path).ok());
        QVERIFY(!document.isModified());
        QCOMPARE(document.fileName(), QString("saved.gradloom.json"));
        Document other;
        QVERIFY(other.open(path).ok());
        QVERIFY(other.project() == document.project());
    }

    void failedSaveKeepsTheChanges()
    {
        Document document;
        document.newProject();
        QVERIFY(document.edit({graph::RemoveNode{"input_1"}, "x"}).ok());
        QVERIFY(!document.saveAs(file("no such folder/x.gradloom.json")).ok());
        QVERIFY(document.isModified());
        QVERIFY(document.path().empty());
    }

    void brokenFileLeavesTheProjectOpen()
    {
        const auto path = file("broken.gradloom.json");
        std::ofstream(path) << "{\"format\": 1, \"nodes\": [";
        Document document;
        QVERIFY(document.open(sample()).ok());
        const Status status = document.open(path);
        QVERIFY(!status.ok());
        QVERIFY2(status.error().message.find("broken.gradloom.json") != std::string::npos,
            status.error().message.c_str());
        QVERIFY(document.graph().find("conv2d_1"));
    }

    void autosaveAndRecovery()
    {
        std::filesystem::path kept;
        {
            Document document;
            QVERIFY(document.open(sample()).ok());
            QSignalSpy autosaved(&document, &Document::autosaved);
            QVERIFY(document.edit({graph::SetParameter{"conv2d_1", "filters", int64_t(21)}, "x"}).ok());
            QTRY_COMPARE_WITH_TIMEOUT(autosaved.count(), 1, 20000);
            QVERIFY(Autosave::leftovers().empty()); // its owner lives
            for (const auto& entry : std::filesystem::directory_iterator(Autosave::folder()))
                if (entry.path().extension() == ".json")
                    kept = entry.path();
            // What a crash leaves: the files without their owner.
            for (const char* extension : {"", ".origin"})
                std::filesystem::copy(std::filesystem::path(kept).concat(extension),
                    (Autosave::folder() / "crashed.gradloom.json").concat(extension));
        }
        QVERIFY(!std::filesystem::exists(kept));
        const auto leftovers = Autosave::leftovers();
        QCOMPARE(leftovers.size(), size_t(1));
        QCOMPARE(leftovers[0].origin.filename(), sample().filename());
        Document document;
        QVERIFY(document.recover(leftovers[0].file, leftovers[0].origin).ok());
        QVERIFY(document.isModified());
        QCOMPARE(document.graph().find("conv2d_1")->params.integer("filters"), int64_t(21));
        Autosave::discard(leftovers[0]);
        QVERIFY(Autosave::leftovers().empty());
    }

private:
    std::filesystem::path sample() const
    {
        return std::filesystem::path(GRADLOOM_SOURCE_DIR) / "projects/fashion_cnn.gradloom.json";
    }
    std::filesystem::path file(const char* name) const { return toPath(m_dir.filePath(name)); }
    QTemporaryDir m_dir;
};

QTEST_GUILESS_MAIN(TestDocument)
#include "test_document.moc"
